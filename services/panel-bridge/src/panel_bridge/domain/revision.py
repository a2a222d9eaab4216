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
from contracts.sealed import Sealed, sealed_part

Step = Literal["opened", "changed", "snapshotted", "closed"]


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
        content=sealed_part(envelope),
    )
