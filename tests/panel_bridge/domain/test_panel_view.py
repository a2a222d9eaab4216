"""What a panel's revisions fold to: as the session fold has it, and a hole where content was erased."""

from collections.abc import Iterator

import pytest
from tests.support.sessions import IDE, ScriptedSession, a_session

from chassis.recording import open_personal
from contracts.envelope import Envelope
from contracts.events.panel import PanelEvent
from contracts.registry import Personal, decode_data
from contracts.session_state import SessionState, evolve, fact
from panel_bridge.domain.panel_view import PanelView, viewed
from panel_bridge.domain.revision import revision_of

pytestmark = pytest.mark.unit


def opened(script: ScriptedSession, envelope: Envelope) -> Personal | None:
    return open_personal(envelope, script.key) if envelope.personal else None


def views(script: ScriptedSession, *, erased: set[str] = frozenset()) -> Iterator[tuple[PanelView, SessionState]]:  # type: ignore[assignment]
    """The view and the session fold after each event that moved the panel."""
    view, state = None, SessionState()
    for envelope in script.events:
        personal = None if envelope.id in erased else opened(script, envelope)
        state = evolve(state, fact(envelope, personal))
        data = decode_data(envelope)
        revision = revision_of(envelope, data) if isinstance(data, PanelEvent) else None
        if revision is not None:
            view = viewed(view, revision, personal)
            yield view, state


def test_after_every_event_the_view_is_what_the_session_fold_has() -> None:
    seen = list(views(a_session(turns=3)))
    assert len(seen) == 8
    for view, state in seen:
        panel = state.run.panels[IDE]
        assert (view.rev, view.open, view.state) == (panel.rev, panel.open, panel.state)


def test_a_snapshot_does_not_hide_who_changed_the_panel_last() -> None:
    *_, (before, _), (after, _) = views(a_session())
    assert (after.by, after.changed_at) == (before.by, before.changed_at) == ("agent", before.changed_at)


def test_a_lost_patch_leaves_no_state_until_the_next_whole_one() -> None:
    script = a_session(turns=2)
    first = next(event for event in script.events if event.type == "panel.changed")
    states = [view.state for view, _ in views(script, erased={first.id})]
    assert states[0] is not None
    assert states[1:-1] == [None] * 4
    assert states[-1] is not None
