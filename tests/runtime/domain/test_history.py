"""What an agent may know of the conversation so far."""

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
    assert known("summary") == ["four"]


def test_an_edge_that_the_version_does_not_have_carries_nothing() -> None:
    assert remembered([said("user", "one"), HANDOFF], lambda _from, _to: None) == []


def test_erased_words_are_left_out() -> None:
    erased = Item(kind="user", id="x", event=EventId("x"), agent=AgentId("a"), time="")
    assert remembered([erased, said("user", "one")], lambda _from, _to: None)[0].text == "one"


def test_last_n_without_a_number_carries_ten() -> None:
    assert carried(list(range(30)), "last_n", None) == list(range(20, 30))
