"""From blocks to chunks: bounded, in order, nothing lost, never across a heading, overlapping in a long section."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.domain.blocks import Block, Headings
from config.domain.chunking import MAX_CHARACTERS, OVERLAP, chunked, title_of

pytestmark = pytest.mark.unit

SENTENCE = "The filter is rinsed under warm water once a month, and dried before it goes back. "

blocks = st.lists(
    st.builds(
        Block,
        st.text(st.sampled_from("ab .\n!ä。"), max_size=3000),
        st.sampled_from([(), ("One",), ("One", "Two")]),
        st.integers(0, 3),
    ),
    max_size=6,
)


def test_a_short_section_is_one_chunk_with_its_headings_and_page() -> None:
    found = chunked([Block("First.", ("Pump", "Cleaning"), 2), Block("Second.", ("Pump", "Cleaning"), 3)])
    assert [(one.number, one.heading, one.page, one.text) for one in found] == [
        (0, ("Pump", "Cleaning"), 2, "First.\n\nSecond.")
    ]
    assert found[0].within("pump") == "pump > Pump > Cleaning\nFirst.\n\nSecond."


def test_a_chunk_never_crosses_a_heading() -> None:
    found = chunked([Block("First.", ("One",)), Block("Second.", ("Two",)), Block("Third.", ("One",))])
    assert [(one.number, one.heading, one.text) for one in found] == [
        (0, ("One",), "First."),
        (1, ("Two",), "Second."),
        (2, ("One",), "Third."),
    ]


def test_a_long_section_goes_on_with_the_last_sentences_of_the_chunk_before() -> None:
    found = chunked([Block(SENTENCE * 40, ("Care",))])
    assert len(found) > 2
    for before, after in pairwise(found):
        shared = after.text[: len(SENTENCE.strip())]
        assert before.text.endswith(shared)
        assert shared == SENTENCE.strip()


def test_a_chunk_has_the_page_of_its_first_own_sentence() -> None:
    found = chunked([Block(SENTENCE * 14, (), 1), Block(SENTENCE * 13, (), 2)])
    assert [one.page for one in found] == [1, 2]


def test_what_has_no_spaces_is_divided_anywhere() -> None:
    found = chunked([Block("x" * (2 * MAX_CHARACTERS + 5))])
    assert [len(one.text) for one in found] == [MAX_CHARACTERS, MAX_CHARACTERS, 5]


@given(blocks)
def test_chunks_are_bounded_numbered_and_hold_every_word(given_blocks: list[Block]) -> None:
    found = chunked(given_blocks)
    assert [one.number for one in found] == list(range(len(found)))
    assert all(0 < len(one.text) <= MAX_CHARACTERS for one in found)
    letters = [one for block in given_blocks for one in block.text if not one.isspace()]
    kept = [one for chunk in found for one in chunk.text if not one.isspace()]
    assert len(kept) >= len(letters)
    assert len(kept) <= len(letters) + OVERLAP * len(found)
    assert set(kept) == set(letters)
    assert chunked(given_blocks) == found


def test_a_heading_ends_those_that_are_as_deep_or_deeper() -> None:
    headings = Headings()
    paths = []
    for level, text in ((1, "A"), (2, " B\n b "), (4, "C"), (3, "D"), (2, ""), (1, "E")):
        headings.enter(level, text)
        paths.append(headings.path)
    assert paths == [("A",), ("A", "B b"), ("A", "B b", "C"), ("A", "B b", "D"), ("A",), ("E",)]


@pytest.mark.parametrize(
    ("name", "title"),
    [("coffee-machine_v2.md", "coffee machine v2"), ("Übersicht", "Übersicht"), ("a.b.tar", "a b"), ("???", "???")],
)
def test_a_title_is_the_words_of_a_name(name: str, title: str) -> None:
    assert title_of(name) == title
