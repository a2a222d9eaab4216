"""A personal part as a read model keeps it: sealed, with all that opening it takes."""

import msgspec

from contracts.envelope import Envelope
from contracts.ids import CustomerId, EventId, KeyId


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """The sealed blob of one event, and what its seal is bound to but for customer and session."""

    event: EventId
    type: str
    v: int
    keyid: KeyId
    blob: bytes

    def envelope(self, *, customer: CustomerId, session: str) -> Envelope:
        """What a key ring takes: the event again, without what does not matter for opening."""
        return Envelope(
            id=self.event,
            type=self.type,
            v=self.v,
            time="",
            customer=customer,
            subject=session,
            writer="",
            n=0,
            keyid=self.keyid,
            data=msgspec.Raw(b"{}"),
            personal=self.blob,
        )


def sealed_part(envelope: Envelope) -> Sealed | None:
    """The personal part of an event, or None when it has none."""
    if not envelope.personal:
        return None
    return Sealed(event=envelope.id, type=envelope.type, v=envelope.v, keyid=envelope.keyid, blob=envelope.personal)
