"""Which events are lines of history, and how."""

import msgspec
import pytest
from tests.support.sessions import a_session

from contracts.envelope import Envelope
from contracts.events import tool
from contracts.registry import decode_data
from contracts.sealed import sealed_part
from ledger.domain.storable import storable
from ledger.domain.timeline import Item, item_of, settled, settles

pytestmark = pytest.mark.unit

SCRIPT = a_session()


def items() -> list[Item]:
    found = [item_of(event, decode_data(event)) for event in SCRIPT.events]
    return [item for item in found if item is not None]


def first(type: str) -> Envelope:
    return next(event for event in SCRIPT.events if event.type == type)


def test_usage_digests_and_tokens_are_no_lines_of_history() -> None:
    left_out = {event.type for event in SCRIPT.events} - {item.type for item in items()}
    assert left_out == {
        "usage.llm",
        "usage.stt",
        "usage.tts",
        "session.state_digest",
        "session.token_issued",
        "handoff.requested",
        "tool.completed",
    }


def test_panel_contents_stay_out_and_words_stay_sealed() -> None:
    for item in items():
        if item.kind == "panel":
            assert item.personal is None
    said = item_of(first("turn.user_said"), decode_data(first("turn.user_said")))
    assert said is not None
    assert said.personal == sealed_part(first("turn.user_said"))


def test_a_tool_call_is_open_until_its_outcome_is_known() -> None:
    called, completed = first("tool.called"), first("tool.completed")
    began = item_of(called, decode_data(called))
    outcome = settles(completed, decode_data(completed))
    assert began is not None
    assert isinstance(outcome, tool.ToolCompleted)
    assert began.details["outcome"] == "open"
    ended = settled(began, completed, outcome)
    assert (ended.details["outcome"], ended.details["ms"]) == ("completed", 4)
    assert ended.details["name"] == "open_coding_ide"
    assert ended.result == sealed_part(completed)


def test_of_what_came_late_only_words_are_shown_and_marked() -> None:
    late = [msgspec.structs.replace(event, writer="late") for event in SCRIPT.events]
    shown = [item for event in late if (item := item_of(event, decode_data(event)))]
    assert {item.kind for item in shown} == {"user", "agent"}
    assert all(item.late for item in shown)
    assert not any(settles(event, decode_data(event)) for event in late)


def test_nul_is_replaced_at_every_depth() -> None:
    assert storable({"a\0": ["b\0", {"c": "\0d"}, 1, None]}) == {"a\ufffd": ["b\ufffd", {"c": "\ufffdd"}, 1, None]}
