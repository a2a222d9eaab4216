"""The agent's end of the panel protocol, without a wire."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import panel as events
from contracts.ids import PanelId
from contracts.panels import wire
from contracts.panels.interpreter import panel_hash
from contracts.panels.refusals import BadSchema, StaleRev, UnknownAction, UnknownPanel
from contracts.panels.registry import builtin
from contracts.session_state import Panel, RunState
from runtime.adapters.schemas import complaint
from runtime.domain.panel_decisions import BadEvent, Command, Received
from runtime.domain.panels import PanelBoard

pytestmark = pytest.mark.unit

IDE = PanelId("coding_ide")


def a_board() -> PanelBoard:
    kinds = {PanelId(name): kind for name, kind in builtin().items()}
    return PanelBoard(kinds=kinds, validate=complaint)


def open_ide(board: PanelBoard, code: str = "a") -> Command:
    command = board.open(IDE, {"language": "python", "initial_code": code}, op_id="op1", by="agent")
    board.answer(command, wire.PanelAnswer(ok=True, rev=1))
    return command


def highlight(board: PanelBoard, op_id: str = "op2") -> Command:
    return board.control(IDE, "highlight_lines", {"lines": [1]}, op_id=op_id, by="agent")


def typed(seq: int, rev: int, code: str = "b", **changes: object) -> wire.PanelEvent:
    event = wire.PanelEvent(
        seq=seq,
        rev=rev,
        panel=IDE,
        instance="p1",
        event="code_changed",
        origin=wire.Origin.USER,
        ts=0,
        data={"code": code},
    )
    return msgspec.structs.replace(event, **changes)


def kinds_of(received: Received) -> list[str]:
    return [type(fact.data).__name__ for fact in received.facts]


def rejected(received: Received) -> str:
    (fact,) = received.facts
    assert isinstance(fact.data, events.PanelRejected)
    return fact.data.why


def test_opening_records_the_command_and_then_the_whole_content() -> None:
    board = a_board()
    command = board.open(IDE, {"language": "python", "initial_code": "x"}, op_id="op1", by="agent")
    assert command.method == wire.RPC_OPEN
    assert isinstance(command.facts[0].data, events.PanelCommanded)
    settled, _ = board.answer(command, wire.PanelAnswer(ok=True, rev=1))
    opened = settled.facts[0]
    assert isinstance(opened.data, events.PanelOpened)
    assert isinstance(opened.personal, events.PanelContent)
    assert msgspec.json.decode(opened.personal.state)["code"] == "x"
    assert board.state(IDE)["language"] == "python"


def test_an_edit_is_in_the_state_at_once() -> None:
    board = a_board()
    open_ide(board)
    assert kinds_of(board.receive(typed(1, 2))) == ["PanelChanged"]
    assert board.state(IDE)["code"] == "b"


def test_an_event_that_was_taken_is_not_taken_again() -> None:
    board = a_board()
    open_ide(board)
    board.receive(typed(1, 2))
    assert board.receive(typed(1, 2, "c")).facts == ()
    assert board.state(IDE)["code"] == "b"


def test_a_small_event_that_overtook_a_large_one_waits_for_it() -> None:
    board = a_board()
    open_ide(board)
    assert board.receive(typed(2, 3, "second")).facts == ()
    assert kinds_of(board.receive(typed(1, 2, "first"))) == ["PanelChanged", "PanelChanged"]
    assert board.state(IDE)["code"] == "second"


def test_an_edit_after_a_command_waits_for_the_commands_answer() -> None:
    board = a_board()
    open_ide(board)
    command = board.control(IDE, "set_code", {"code": "agent's"}, op_id="op2", by="agent")
    assert board.receive(typed(1, 3, "user's")).facts == ()
    settled, received = board.answer(command, wire.PanelAnswer(ok=True, rev=2))
    assert [type(fact.data).__name__ for fact in settled.facts] == ["PanelChanged"]
    assert kinds_of(received) == ["PanelChanged"]
    assert board.state(IDE)["code"] == "user's"


def test_an_edit_before_a_command_makes_it_stale_and_the_answer_shows_the_content() -> None:
    board = a_board()
    open_ide(board)
    command = highlight(board)
    assert command.request.base_rev == 1
    assert kinds_of(board.receive(typed(1, 2))) == ["PanelChanged"]
    error = wire.PanelError.of(StaleRev("moved on"))
    state: dict[str, object] = {"language": "python", "code": "b", "instructions": "", "highlights": []}
    settled, _ = board.answer(command, wire.PanelAnswer(ok=False, rev=2, state=state, error=error))
    assert not settled.ok
    assert settled.state == state
    assert isinstance(settled.facts[0].data, events.PanelCommandFailed)
    assert settled.facts[0].data.code == "STALE_REV"
    assert highlight(board, "op3").request.base_rev == 2


def test_a_command_without_an_answer_leaves_the_content_in_doubt() -> None:
    board = a_board()
    open_ide(board)
    command = board.control(IDE, "set_code", {"code": "perhaps"}, op_id="op2", by="agent")
    board.receive(typed(1, 3, "c"))
    settled, received = board.unanswered(command, StaleRev("nobody answered"))
    assert not settled.ok
    assert received.resync == (IDE,)
    state: dict[str, object] = {"language": "python", "code": "c", "instructions": "", "highlights": [1]}
    answer = wire.PanelAnswer(ok=True, rev=3, state=state)
    (fact,) = board.reread(IDE, answer)
    assert isinstance(fact.data, events.PanelSnapshotted)
    assert board.reread(IDE, answer) == ()


def test_bad_events_are_rejected_by_name_and_counted() -> None:
    board = a_board()
    assert rejected(board.receive(typed(1, 1))) == "not_open"
    open_ide(board)
    assert rejected(board.receive(typed(2, 2, panel="no_such_panel"))) == "unknown_panel"
    assert rejected(board.receive(typed(3, 2, event="exploded"))) == "unknown_event"
    assert rejected(board.receive(typed(4, 2, data={"code": 1}))) == "bad_schema"
    assert rejected(board.receive(typed(5, 1))) == "stale_rev"
    assert rejected(board.receive(typed(6, 2, "é" * 200_000))) == "too_large"
    assert rejected(board.receive(BadEvent(seq=7))) == "bad_schema"
    assert board.state(IDE)["code"] == "a"
    assert board.seq == 7


def test_an_event_without_a_number_is_nothing() -> None:
    board = a_board()
    assert board.receive(BadEvent(seq=0)).facts == ()
    assert board.seq == 0


def test_the_participant_may_close_a_panel() -> None:
    board = a_board()
    open_ide(board)
    (fact,) = board.receive(typed(1, 2, event="closed", data={})).facts
    assert fact.data == events.PanelClosed(panel=IDE, instance="p1", rev=2, by="user", seq=1)
    with pytest.raises(UnknownPanel):
        board.state(IDE)


def test_what_an_agent_may_not_ask_is_refused_before_anything_happens() -> None:
    board = a_board()
    with pytest.raises(UnknownPanel):
        highlight(board)
    with pytest.raises(BadSchema):
        board.open(IDE, {}, op_id="op1", by="agent")
    open_ide(board)
    with pytest.raises(UnknownAction):
        board.control(IDE, "explode", {}, op_id="op2", by="agent")
    with pytest.raises(BadSchema):
        board.control(IDE, "highlight_lines", {"lines": [0]}, op_id="op2", by="agent")
    with pytest.raises(UnknownPanel):
        board.close(PanelId("notepad"), op_id="op2", by="agent")


def test_a_command_given_twice_has_the_same_answer() -> None:
    board = a_board()
    open_ide(board)
    settled = board.settled("op1")
    assert settled is not None
    assert settled.rev == 1
    assert board.settled("op9") is None


def test_a_page_that_lost_everything_gets_what_is_open_and_where_to_count_on() -> None:
    board = a_board()
    open_ide(board)
    board.receive(typed(1, 2))
    answer = board.sync(wire.PanelSync(panels=(), seq=0, acked=0))
    assert (answer.seq, answer.panels[0].rev, answer.closed) == (1, 2, ())


def test_a_page_that_is_level_or_ahead_gets_nothing_and_a_closed_panel_is_named() -> None:
    board = a_board()
    open_ide(board)
    level = wire.PanelStamp(panel=IDE, instance="p1", rev=1, hash=panel_hash(board.state(IDE)))
    gone = wire.PanelStamp(panel="notepad", instance="p1", rev=4, hash="0" * 64)
    assert board.sync(wire.PanelSync(panels=(level, gone), seq=0, acked=0)).closed == (gone,)
    assert board.sync(wire.PanelSync(panels=(level,), seq=0, acked=0)).panels == ()
    ahead = msgspec.structs.replace(level, rev=5)
    assert board.sync(wire.PanelSync(panels=(ahead,), seq=0, acked=0)).panels == ()
    differs = msgspec.structs.replace(level, hash="0" * 64)
    assert len(board.sync(wire.PanelSync(panels=(differs,), seq=0, acked=0)).panels) == 1


def test_a_resumed_board_goes_on_from_the_log() -> None:
    state = {"language": "python", "code": "kept", "instructions": "", "highlights": []}
    panel = Panel(panel=IDE, instance="p1", rev=7, open=True, seal="", state=state)
    board = a_board()
    board.restore(RunState(panels={IDE: panel}, panel_seq=5))
    assert board.receive(typed(5, 8)).facts == ()
    assert kinds_of(board.receive(typed(6, 8, "new"))) == ["PanelChanged"]
    assert board.state(IDE)["code"] == "new"


@given(st.permutations(range(1, 7)), st.lists(st.integers(1, 6), max_size=6))
def test_events_in_any_order_and_any_number_of_times_give_one_state(order: list[int], again: list[int]) -> None:
    board = a_board()
    open_ide(board)
    received = [fact for seq in [*order, *again] for fact in board.receive(typed(seq, seq + 1, str(seq))).facts]
    assert [getattr(fact.data, "seq", 0) for fact in received] == [1, 2, 3, 4, 5, 6]
    assert board.state(IDE)["code"] == "6"
