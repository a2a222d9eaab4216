"""Placeholders are looked up and nothing else: no text and no value makes them raise, execute or expand twice."""

from string import ascii_letters

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.placeholders import mistakes, render

pytestmark = pytest.mark.unit

NAMES = {"user.name", "variables.topic", "user.preferences.*"}
VALUES: dict[str, object] = {"user.name": "Ada", "variables.topic": "loops", "user.preferences.tone": "dry"}

pieces = st.sampled_from([*"{}\\._- \n", *ascii_letters, "{{", "}}", "user.name", "{{user.name}}", "é"])
texts = st.lists(pieces, max_size=40).map("".join)
values = st.dictionaries(st.sampled_from(sorted(VALUES)), st.one_of(texts, st.integers(), st.booleans(), st.none()))


def test_known_names_are_filled_in_with_or_without_blanks() -> None:
    assert (
        render("Hi {{user.name}}: {{ variables.topic }}, {{user.preferences.tone}}.", VALUES) == "Hi Ada: loops, dry."
    )


def test_what_has_no_value_is_empty_and_an_escape_is_two_braces() -> None:
    assert render(r"{{user.preferences.none}}|\{{user.name}}", VALUES) == "|{{user.name}}"


@pytest.mark.parametrize(("value", "written"), [(True, "true"), (3, "3"), (1.5, "1.5"), (None, ""), ({}, "")])
def test_values_are_written_as_json_would_and_structures_not_at_all(value: object, written: str) -> None:
    assert render("{{variables.topic}}", {"variables.topic": value}) == written


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{variables.colour}}", "unknown_placeholder"),
        ("{{user}}", "malformed_placeholder"),
        ("{{user.name | upper}}", "malformed_placeholder"),
        ("{{user.name", "malformed_placeholder"),
        ("{{user.__class__}}", "unknown_placeholder"),
        ("{{1+1}}", "malformed_placeholder"),
    ],
)
def test_each_mistake_has_its_code(text: str, code: str) -> None:
    assert [mistake.code for mistake in mistakes(text, NAMES)] == [code]


@given(texts, values)
def test_rendering_never_raises(text: str, given_values: dict[str, object]) -> None:
    assert isinstance(render(text, given_values), str)


@given(texts)
def test_a_text_without_mistakes_keeps_no_placeholder_and_invents_nothing(text: str) -> None:
    if not mistakes(text, NAMES) and "\\" not in text:
        assert "{{" not in render(text, {})


@given(texts, texts)
def test_what_a_value_holds_is_never_read_again(before: str, value: str) -> None:
    plain = before.replace("{", "").replace("\\", "")
    assert render(plain + "{{user.name}}", {"user.name": value}) == plain + value


def test_a_long_run_of_braces_is_read_in_one_pass() -> None:
    assert len(mistakes("{{" * 16_000, NAMES)) == 16_000
