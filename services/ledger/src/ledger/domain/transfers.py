"""Handoffs: one transfer from the call of its tool to its outcome. Pure."""

from typing import Literal

import msgspec

from contracts.envelope import Envelope
from contracts.events.handoff import HandoffCompleted, HandoffEvent, HandoffRefused, HandoffRequested
from contracts.sealed import Sealed, sealed_part


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """`ms` from the transfer tool's return to the next agent's `on_enter`; `why` of a refusal, else empty.

    `reason` is what the model gave when it asked, `summary` what the next agent was told.
    """

    call_id: str
    from_agent: str
    to_agent: str
    outcome: Literal["requested", "completed", "refused"]
    policy: str = ""
    why: str = ""
    ms: int | None = None
    requested_at: str = ""
    settled_at: str = ""
    reason: Sealed | None = None
    summary: Sealed | None = None


def transferred(before: Transfer | None, envelope: Envelope, event: HandoffEvent) -> Transfer:
    """The transfer after one more of its events."""
    fresh = Transfer(call_id=event.call_id, from_agent=event.from_agent, to_agent=event.to_agent, outcome="requested")
    replace, found = msgspec.structs.replace, before or fresh
    match event:
        case HandoffRequested():
            sealed = sealed_part(envelope)
            return replace(found, policy=event.policy, requested_at=envelope.time, reason=sealed)
        case HandoffCompleted():
            return replace(
                found,
                outcome="completed",
                policy=event.policy,
                ms=event.ms,
                settled_at=envelope.time,
                summary=sealed_part(envelope),
            )
        case HandoffRefused():
            return replace(found, outcome="refused", why=event.why, settled_at=envelope.time)
