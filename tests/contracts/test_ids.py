"""Ids: what may stand in a subject, and nothing else."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import InvalidId, check_id

pytestmark = pytest.mark.unit

_ALLOWED = string.ascii_letters + string.digits + "_-"


@given(st.text(alphabet=_ALLOWED, min_size=1, max_size=64))
def test_letters_digits_underscores_and_dashes_are_an_id(text: str) -> None:
    assert check_id(text) == text


@given(st.text(max_size=70))
def test_everything_else_is_refused(text: str) -> None:
    if 1 <= len(text) <= 64 and set(text) <= set(_ALLOWED):
        return
    with pytest.raises(InvalidId):
        check_id(text)


@pytest.mark.parametrize("text", ["", "a.b", "*", ">", "a b", "a\n", "ä", "a/b", "x" * 65, "a\x00", "٣"])
def test_what_would_change_a_subject_is_refused(text: str) -> None:
    with pytest.raises(InvalidId):
        check_id(text)


def test_a_long_text_is_not_repeated_whole_in_the_refusal() -> None:
    with pytest.raises(InvalidId) as refused:
        check_id("x" * 10_000)
    assert len(str(refused.value)) < 200
    assert refused.value.code == "invalid_id"
