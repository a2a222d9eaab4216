"""What an agent may know of the conversation so far."""

import msgspec
import pytest

from contracts.ids import AgentId, EventId
from contracts.session_state import Item
from contracts.template_version import ContextPolicy, HandoffTarget
from runtime.domain.history import carried, remembered

pytestmark = pytest.mark.unit


def said(kind: str, text: str) -> Item:
    return Item(kind=kind, id=text, event=EventId(text), agent=AgentId("a"), time="", text=text)  # type: ignore[arg-type]


HANDOFF = Item(kind="handoff", id="h", event=EventId("h"), agent=AgentId("a"), name="b", time="")


def known(policy: ContextPolicy, last_n: int | None = None) -> list[str]:
    items = [said("user", "one"), said("agent", "two"), said("user", "three"), HANDOFF, said("agent", "four")]
    target = HandoffTarget(agent=AgentId("b"), policy=policy, last_n=last_n)
    return [message.text for message in remembered(items, lambda _from, _to: target)]


def test_each_policy_lets_through_what_it_says() -> None:
    assert known("full") == ["one", "two", "three", "four"]
    assert known("none") == ["four"]
    assert known("last_n", 2) == ["two", "three", "four"]
    assert known("last_n", 0) == ["four"]


def test_a_summary_takes_the_place_of_the_words_and_without_one_the_last_are_carried() -> None:
    summarised = msgspec.structs.replace(HANDOFF, text="Ada's loop is wrong.", result='{"topic":"loops"}')
    items = [said("user", "one"), said("agent", "two"), summarised, said("agent", "four")]
    target = HandoffTarget(agent=AgentId("b"), policy="summary", last_n=1)
    told, said_since = remembered(items, lambda _from, _to: target)
    assert (told.role, told.id, said_since.text) == ("system", "h", "four")
    assert "Ada's loop is wrong." in told.text
    assert '{"topic":"loops"}' in told.text
    assert known("summary", 2) == ["two", "three", "four"]


def test_what_an_agent_was_told_is_not_handed_on() -> None:
    handed = msgspec.structs.replace(HANDOFF, result='{"topic":"loops"}')
    items = [said("user", "one"), handed, said("user", "two"), HANDOFF]
    target = HandoffTarget(agent=AgentId("b"), policy="full")
    assert [one.role for one in remembered(items[:2], lambda _from, _to: target)] == ["user", "system"]
    assert [one.text for one in remembered(items, lambda _from, _to: target)] == ["one", "two"]


def test_an_edge_that_the_version_does_not_have_carries_nothing() -> None:
    assert remembered([said("user", "one"), HANDOFF], lambda _from, _to: None) == []


def test_erased_words_are_left_out() -> None:
    erased = Item(kind="user", id="x", event=EventId("x"), agent=AgentId("a"), time="")
    assert remembered([erased, said("user", "one")], lambda _from, _to: None)[0].text == "one"


def test_last_n_without_a_number_carries_ten() -> None:
    assert carried(list(range(30)), "last_n", None) == list(range(20, 30))
