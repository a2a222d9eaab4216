"""A panel as it stands after its revisions, opened as far as it can be. Pure; the same rules as the session fold.

Content that was erased leaves the panel without a state until its next whole one; revisions go on all the same.
"""

from typing import Any

import msgspec

from contracts.events.panel import PanelContent, PanelPatch
from contracts.panels.interpreter import merge_patch
from contracts.registry import Personal
from panel_bridge.domain.revision import Revision


class PanelView(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is None where it could not be opened; `by` and `changed_at` are of the last revision but snapshots."""

    panel: str
    instance: str
    rev: int
    open: bool
    by: str
    changed_at: str
    state: dict[str, Any] | None


def viewed(view: PanelView | None, revision: Revision, opened: Personal | None) -> PanelView:
    """The panel after one more revision; `opened` is its content, None where that could not be had."""
    state = None if view is None else view.state
    match opened:
        case PanelContent() if revision.is_whole:
            state = msgspec.json.decode(opened.state)
        case PanelPatch() if state is not None:
            patched = merge_patch(state, msgspec.json.decode(opened.patch))
            state = patched if isinstance(patched, dict) else None
        case _ if revision.step != "closed":
            state = None
        case _:
            pass
    snapshot = revision.step == "snapshotted" and view is not None
    return PanelView(
        panel=revision.panel,
        instance=revision.instance,
        rev=revision.rev,
        open=_is_open(view, revision),
        by=view.by if snapshot and view else revision.by,
        changed_at=view.changed_at if snapshot and view else revision.time,
        state=state,
    )


def _is_open(view: PanelView | None, revision: Revision) -> bool:
    match revision.step:
        case "opened":
            return True
        case "closed":
            return False
        case "changed" | "snapshotted":
            return view is not None and view.open
