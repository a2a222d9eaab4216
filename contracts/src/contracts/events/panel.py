"""What happened on workspace panels. Contents are personal; revisions are not.

`rev` counts 1, 2, 3 … per panel instance; `seq` is the browser's own counter, acknowledged after the append.
"""

from typing import Literal

import msgspec

from contracts.ids import PanelId
from contracts.registry import EventData, Personal, event

Origin = Literal["user", "agent", "api"]


class PanelContent(Personal, frozen=True, kw_only=True):
    """The whole state of a panel, JSON."""

    state: msgspec.Raw


class PanelPatch(Personal, frozen=True, kw_only=True):
    """RFC 7396 merge patch from the revision before to this one."""

    patch: msgspec.Raw


class PanelArguments(Personal, frozen=True, kw_only=True):
    """Arguments of a command, JSON."""

    args: msgspec.Raw


@event("panel.opened", personal=PanelContent)
class PanelOpened(EventData, frozen=True, kw_only=True):
    """A panel is on the participant's screen."""

    panel: PanelId
    instance: str
    kind_version: int
    rev: int
    op_id: str
    by: Origin


@event("panel.commanded", personal=PanelArguments)
class PanelCommanded(EventData, frozen=True, kw_only=True):
    """An agent (or the API) asked a panel to do something."""

    panel: PanelId
    instance: str
    op_id: str
    action: str
    base_rev: int
    by: Origin
    call_id: str = ""


@event("panel.changed", personal=PanelPatch)
class PanelChanged(EventData, frozen=True, kw_only=True):
    """The panel's state moved to `rev`: by the participant (`event` and `seq`) or by a command (`op_id`)."""

    panel: PanelId
    instance: str
    rev: int
    event: str
    origin: Origin
    seq: int = 0
    op_id: str = ""


@event("panel.snapshotted", personal=PanelContent)
class PanelSnapshotted(EventData, frozen=True, kw_only=True):
    """The whole state at `rev`, for example at the end of the session."""

    panel: PanelId
    instance: str
    rev: int


@event("panel.closed")
class PanelClosed(EventData, frozen=True, kw_only=True):
    """The panel left the screen; its last content stays in history."""

    panel: PanelId
    instance: str
    rev: int
    by: Origin
    seq: int = 0
    op_id: str = ""


@event("panel.command_failed")
class PanelCommandFailed(EventData, frozen=True, kw_only=True):
    """`code` is the wire's error name, for example `STALE_REV`."""

    panel: PanelId
    instance: str
    op_id: str
    action: str
    code: str


@event("panel.rejected")
class PanelRejected(EventData, frozen=True, kw_only=True):
    """An event from the room that changed nothing, and why."""

    panel: str
    why: Literal["bad_schema", "unknown_panel", "unknown_event", "not_open", "stale_rev", "too_large"]
    seq: int = 0


PanelEvent = (
    PanelOpened | PanelCommanded | PanelChanged | PanelSnapshotted | PanelClosed | PanelCommandFailed | PanelRejected
)
