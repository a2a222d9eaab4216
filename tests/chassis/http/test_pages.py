"""Cursors: opaque, and refused where no page gave them."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.http.pages import BadCursor, decode_cursor, encode_cursor, page_of

pytestmark = pytest.mark.unit


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(key=texts | st.integers(-(2**53), 2**53) | st.lists(texts))
def test_a_cursor_comes_back_as_it_went(key: Any) -> None:
    assert decode_cursor(encode_cursor(key), type(key)) == key


@pytest.mark.parametrize("key", ["\0", "a\0b", ["a", "\0"]])
def test_a_zero_character_which_no_database_can_look_for_is_refused(key: Any) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(encode_cursor(key), type(key))


@given(text=st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with contextlib.suppress(BadCursor):
        assert isinstance(decode_cursor(text, int), int)


def test_pages_end_where_there_is_no_more() -> None:
    assert page_of([1, 2, 3], limit=2, key=str) == ([1, 2], encode_cursor("2"))
    assert page_of([1, 2], limit=2, key=str) == ([1, 2], None)
    assert page_of([], limit=2, key=str) == ([], None)
    assert decode_cursor(None, int) is None
