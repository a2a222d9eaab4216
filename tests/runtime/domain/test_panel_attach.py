"""What goes to the model with a turn: panels as the agent's definition attaches them."""

import pytest

from contracts.events import panel as events
from contracts.ids import PanelId
from contracts.panels import wire
from contracts.panels.registry import builtin
from contracts.speech import PanelAttach
from runtime.adapters.schemas import complaint
from runtime.domain.panel_attach import MAX_ALL, PanelAttachments
from runtime.domain.panels import PanelBoard

pytestmark = pytest.mark.unit

KINDS = {PanelId(name): kind for name, kind in builtin().items()}
IDE, NOTEPAD = PanelId("coding_ide"), PanelId("notepad")


class Desk:
    """A board whose panels a test opens and edits."""

    def __init__(self) -> None:
        self.board = PanelBoard(kinds=KINDS, validate=complaint)
        self._seq = 0

    def open(self, panel: PanelId, **args: object) -> None:
        command = self.board.open(panel, args, op_id=f"open_{panel}", by="agent")
        self.board.answer(command, wire.PanelAnswer(ok=True, rev=1))

    def edit(self, panel: PanelId, event: str, **data: object) -> None:
        self._seq += 1
        emitted = wire.PanelEvent(
            seq=self._seq,
            rev=self.board.panels[panel].rev + 1,
            panel=panel,
            instance="p1",
            event=event,
            origin=wire.Origin.USER,
            ts=0,
            data=data,
        )
        self.board.receive(emitted)

    def attachments(self, **policies: PanelAttach) -> PanelAttachments:
        named = {PanelId(name): policy for name, policy in policies.items()}
        return PanelAttachments(named, kinds=KINDS, board=self.board)


def a_desk() -> Desk:
    desk = Desk()
    desk.open(IDE, language="python", initial_code="x = 1")
    desk.open(NOTEPAD, text="Dear Sir")
    return desk


def test_a_panel_goes_with_each_turn_or_with_none() -> None:
    attachments = a_desk().attachments(notepad="always", coding_ide="never")
    for turns in (["t1"], ["t1", "t2"]):
        text = attachments.text(turns)
        assert '[Notepad: panel notepad, revision 1]\n{"text":"Dear Sir"}' in text
        assert "x = 1" not in text
    assert a_desk().attachments(coding_ide="never").text(["t1"]) == ""
    assert attachments.text([]) == ""


def test_a_panel_goes_with_a_turn_when_it_changed_since_the_last_one() -> None:
    desk = a_desk()
    attachments = desk.attachments(coding_ide="on_change")
    assert '{"code":"x = 1","language":"python"}' in attachments.text(["t1"])
    assert attachments.text(["t1", "t2"]) == ""
    desk.edit(IDE, "code_changed", code="x = 2")
    assert "x = 2" in attachments.text(["t1", "t2", "t3"])


def test_all_requests_of_one_turn_are_told_the_same() -> None:
    desk = a_desk()
    attachments = desk.attachments(coding_ide="always")
    first = attachments.text(["t1"])
    desk.edit(IDE, "code_changed", code="x = 2")
    assert attachments.text(["t1"]) == first


def test_what_a_dropped_reply_was_told_counts_for_nothing() -> None:
    attachments = a_desk().attachments(coding_ide="on_change")
    assert attachments.text(["dropped"]) != ""
    assert attachments.text(["t1"]) != "", "the reply to the early words never was in the history"
    assert attachments.text(["t1", "t2"]) == ""


def test_a_closed_panel_is_not_told() -> None:
    desk = a_desk()
    attachments = desk.attachments(coding_ide="always")
    command = desk.board.close(IDE, op_id="close", by="agent")
    desk.board.answer(command, wire.PanelAnswer(ok=True, rev=2))
    assert attachments.text(["t1"]) == ""


def test_what_is_told_counts_as_seen_by_the_agent() -> None:
    desk = a_desk()
    desk.edit(IDE, "code_changed", code="x = 2")
    desk.attachments(coding_ide="always").text(["t1"])
    command = desk.board.control(IDE, "highlight_lines", {"lines": [1]}, op_id="op", by="agent")
    assert command.request.base_rev == 2
    assert isinstance(command.facts[0].data, events.PanelCommanded)


def test_what_is_told_is_bounded_and_says_where_it_was_cut() -> None:
    desk = Desk()
    desk.open(IDE, language="python", initial_code="x" * 200_000)
    desk.open(NOTEPAD, text="y" * 200_000)
    text = desk.attachments(coding_ide="always", notepad="always").text(["t1"])
    assert len(text) < MAX_ALL + 100
    assert text.count("cut: read the panel") == 2
