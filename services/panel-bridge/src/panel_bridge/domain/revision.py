"""One step in the life of a panel instance, with its content still sealed. Pure."""

from typing import Literal

import msgspec

from contracts.envelope import Envelope
from contracts.events.panel import (
    PanelChanged,
    PanelClosed,
    PanelCommanded,
    PanelCommandFailed,
    PanelEvent,
    PanelOpened,
    PanelRejected,
    PanelSnapshotted,
)
from contracts.ids import CustomerId, EventId, KeyId

Step = Literal["opened", "changed", "snapshotted", "closed"]


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """The sealed part of a panel event, and what its seal is bound to but for customer and session."""

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


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """The panel instance moved to `rev`. `by` is `user`, `agent` or `api`, empty for a snapshot.

    `content` is the whole state (opened, snapshotted), a merge patch (changed), or None (closed).
    """

    panel: str
    instance: str
    rev: int
    step: Step
    by: str
    what: str
    time: str
    content: Sealed | None

    @property
    def is_whole(self) -> bool:
        """Whether the content stands alone, so that nothing before it is needed."""
        return self.step in ("opened", "snapshotted")


def revision_of(envelope: Envelope, event: PanelEvent) -> Revision | None:
    """The step that an event is; None for those that move no panel."""
    match event:
        case PanelOpened():
            return _revision(envelope, event, step="opened", by=event.by, what="opened")
        case PanelChanged():
            return _revision(envelope, event, step="changed", by=event.origin, what=event.event)
        case PanelSnapshotted():
            return _revision(envelope, event, step="snapshotted", by="", what="snapshotted")
        case PanelClosed():
            return _revision(envelope, event, step="closed", by=event.by, what="closed")
        case PanelCommanded() | PanelCommandFailed() | PanelRejected():
            return None


def counted_as(event: PanelEvent) -> str:
    """The name of the counter that an event adds to."""
    match event:
        case PanelOpened():
            return "opened"
        case PanelChanged():
            return f"changed_by_{event.origin}"
        case PanelSnapshotted():
            return "snapshotted"
        case PanelClosed():
            return "closed"
        case PanelCommanded():
            return f"commanded_by_{event.by}"
        case PanelCommandFailed():
            return "command_failed"
        case PanelRejected():
            return f"rejected_{event.why}"


def _revision(
    envelope: Envelope,
    event: PanelOpened | PanelChanged | PanelSnapshotted | PanelClosed,
    *,
    step: Step,
    by: str,
    what: str,
) -> Revision:
    return Revision(
        panel=event.panel,
        instance=event.instance,
        rev=event.rev,
        step=step,
        by=by,
        what=what,
        time=envelope.time,
        content=_sealed(envelope),
    )


def _sealed(envelope: Envelope) -> Sealed | None:
    if not envelope.personal:
        return None
    return Sealed(event=envelope.id, type=envelope.type, v=envelope.v, keyid=envelope.keyid, blob=envelope.personal)
