"""Conditions: when they hold, what is no condition, and that every one has an answer."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.conditions import MAX_DEPTH, Condition, holds, mistakes, told

pytestmark = pytest.mark.unit

VALUES = {"flags.verified": True, "flags.tries": 1, "variables.plan": "gold", "user.preferences.language": "de"}
VERIFIED = {"flag": "verified", "equals": True}
GOLD = {"variable": "plan", "equals": "gold"}
ENGLISH = {"preference": "language", "equals": "en"}

conditions = st.recursive(
    st.sampled_from([VERIFIED, GOLD, ENGLISH]),
    lambda inner: (
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda part: {"not": part}, inner)
    ),
    max_leaves=6,
)


def a_condition(content: dict[str, Any]) -> Condition:
    return msgspec.convert(content, Condition)


@pytest.mark.parametrize(
    ("content", "so"),
    [
        (VERIFIED, True),
        ({"flag": "verified", "equals": False}, False),
        ({"flag": "verified", "equals": 1}, False),
        ({"flag": "tries", "equals": True}, False),
        ({"flag": "tries", "equals": 1.0}, True),
        ({"flag": "unheard_of", "equals": ""}, False),
        ({"not": {"flag": "unheard_of", "equals": ""}}, True),
        (GOLD, True),
        (ENGLISH, False),
        ({"all": [VERIFIED, GOLD]}, True),
        ({"all": [VERIFIED, ENGLISH]}, False),
        ({"any": [ENGLISH, GOLD]}, True),
        ({"any": [ENGLISH, {"not": GOLD}]}, False),
    ],
    ids=str,
)
def test_a_condition_holds_where_the_session_knows_what_it_says(content: dict[str, Any], so: bool) -> None:
    assert holds(a_condition(content), VALUES) is so
    assert list(mistakes(a_condition(content))) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({}, [("", "not_a_condition")]),
        ({**VERIFIED, **GOLD}, [("", "not_a_condition")]),
        ({"all": [VERIFIED], "any": [GOLD]}, [("", "not_a_condition")]),
        ({"flag": "verified"}, [("/equals", "required")]),
        ({"not": VERIFIED, "equals": 1}, [("/equals", "not_a_condition")]),
        ({"all": []}, [("", "not_a_condition")]),
        ({"any": [VERIFIED, {"not": {}}]}, [("/any/1/not", "not_a_condition")]),
        ({"all": [VERIFIED] * 50}, [("", "too_many")]),
    ],
    ids=str,
)
def test_what_is_no_condition_is_named(content: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert [(one.pointer, one.code) for one in mistakes(a_condition(content))] == found


def test_nesting_is_bounded() -> None:
    content: dict[str, Any] = VERIFIED
    for _ in range(MAX_DEPTH - 1):
        content = {"not": content}
    assert list(mistakes(a_condition(content))) == []
    for _ in range(200):
        content = {"not": content}
    assert [(one.pointer, one.code) for one in mistakes(a_condition(content))] == [("/not" * MAX_DEPTH, "too_deep")]


def test_a_condition_reads_in_words() -> None:
    content = {"all": [VERIFIED, {"any": [GOLD, {"not": ENGLISH}]}]}
    words = 'flags.verified is true and (variables.plan is "gold" or not user.preferences.language is "en")'
    assert told(a_condition(content)) == words


@given(conditions, st.dictionaries(st.sampled_from([*VALUES]), st.booleans() | st.integers() | st.text(max_size=3)))
def test_a_condition_always_has_an_answer_and_its_negation_the_other(
    content: dict[str, Any], values: dict[str, object]
) -> None:
    so = holds(a_condition(content), values)
    assert holds(a_condition({"not": content}), values) is not so
    assert msgspec.json.decode(msgspec.json.encode(a_condition(content)), type=Condition) == a_condition(content)
