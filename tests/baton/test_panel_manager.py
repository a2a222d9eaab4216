"""The participant's Panel Manager: acts once per op, keeps events until acknowledged, says when it moved on."""

import msgspec
import pytest

from baton.demo.panel_manager import PanelManager
from contracts.panels.refusals import PanelErrorCode, UnknownPanel
from contracts.panels.registry import builtin
from contracts.panels.wire import (
    RPC_CLOSE,
    RPC_CONTROL,
    RPC_OPEN,
    RPC_READ,
    PanelAck,
    PanelAnswer,
    PanelEvent,
    PanelSnapshot,
    PanelSyncAnswer,
)

pytestmark = pytest.mark.unit


class Screen:
    """A Panel Manager and what it sent."""

    def __init__(self) -> None:
        self.sent: list[PanelEvent] = []
        self.panels = PanelManager(kinds=builtin(), send=self.sent.append)

    def ask(
        self, method: str, op_id: str, action: str, args: object = None, base_rev: int | None = None
    ) -> PanelAnswer:
        request = {"op_id": op_id, "panel": "coding_ide", "instance": "p1", "action": action, "args": args or {}}
        if base_rev is not None:
            request["base_rev"] = base_rev
        return msgspec.json.decode(self.panels.answer(method, msgspec.json.encode(request).decode()), type=PanelAnswer)

    def open(self) -> PanelAnswer:
        return self.ask(RPC_OPEN, "op1", "open", {"language": "python", "initial_code": "x = 1\n"})


def test_an_opened_panel_answers_with_its_first_state() -> None:
    answer = Screen().open()
    assert (answer.ok, answer.rev) == (True, 1)
    assert answer.state is not None
    assert answer.state["code"] == "x = 1\n"


def test_the_same_op_acts_once() -> None:
    screen = Screen()
    screen.open()
    first = screen.ask(RPC_CONTROL, "op2", "highlight_lines", {"lines": [1]})
    again = screen.ask(RPC_CONTROL, "op2", "highlight_lines", {"lines": [1]})
    assert first == again
    assert screen.panels.panels["coding_ide"].rev == 2


def test_a_command_on_an_old_revision_gets_the_state_instead() -> None:
    screen = Screen()
    screen.open()
    screen.panels.edit("coding_ide", "code_changed", {"code": "y = 2\n"})
    stale = screen.ask(RPC_CONTROL, "op3", "highlight_lines", {"lines": [1]}, base_rev=1)
    assert stale.error is not None
    assert (stale.ok, stale.rev, stale.error.code) == (False, 2, PanelErrorCode.STALE_REV)
    assert stale.state is not None
    assert stale.state["code"] == "y = 2\n"


def test_edits_are_kept_until_acknowledged_and_resent_in_order() -> None:
    screen = Screen()
    screen.open()
    for code in ("a", "b", "c"):
        screen.panels.edit("coding_ide", "code_changed", {"code": code})
    screen.panels.acknowledged(PanelAck(seq=1))
    screen.sent.clear()
    screen.panels.resend()
    assert [event.seq for event in screen.sent] == [2, 3]
    screen.panels.acknowledged(PanelAck(seq=3))
    assert screen.panels.unacked == 0
    assert screen.panels.sync().acked == 3


def test_what_is_not_open_or_not_known_is_refused() -> None:
    screen = Screen()
    closed = screen.ask(RPC_READ, "op0", "read")
    assert closed.error is not None
    assert closed.error.code == PanelErrorCode.UNKNOWN_PANEL
    screen.open()
    unknown = screen.ask(RPC_CONTROL, "op4", "fly")
    assert unknown.error is not None
    assert unknown.error.code == PanelErrorCode.UNKNOWN_ACTION
    assert screen.ask(RPC_CLOSE, "op5", "close").ok
    with pytest.raises(UnknownPanel):
        screen.panels.edit("coding_ide", "code_changed", {"code": "z"})


def test_nonsense_is_a_schema_error() -> None:
    answer = msgspec.json.decode(Screen().panels.answer(RPC_OPEN, "{"), type=PanelAnswer)
    assert answer.error is not None
    assert answer.error.code == PanelErrorCode.BAD_SCHEMA


def test_a_reloaded_page_takes_over_what_the_agent_holds_and_goes_on_counting() -> None:
    screen = Screen()
    held = PanelSnapshot(panel="coding_ide", instance="main", rev=4, state={"code": "x", "language": "python"})
    screen.panels.synced(PanelSyncAnswer(seq=7, panels=(held,)))
    assert screen.panels.panels["coding_ide"].state["code"] == "x"
    event = screen.panels.edit("coding_ide", "code_changed", {"code": "y"})
    assert (event.seq, event.rev) == (8, 5)
    (stamp,) = screen.panels.sync().panels
    screen.panels.synced(PanelSyncAnswer(seq=8, closed=(stamp,)))
    assert (screen.panels.panels, screen.panels.unacked) == ({}, 0)
