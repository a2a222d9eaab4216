"""Positions: opaque, safe in a URL, and ordered by where, never by when."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.positions import InvalidPosition, Position, decode_position
from contracts.subjects import Log

pytestmark = pytest.mark.unit

_positions = st.builds(
    Position,
    log=st.sampled_from(Log),
    incarnation=st.text(max_size=40),
    partition=st.integers(-1, 63),
    sequence=st.integers(0, 2**63 - 1),
    index=st.integers(0, 10_000),
)


@given(_positions)
def test_decoding_undoes_encoding(position: Position) -> None:
    assert decode_position(position.encode()) == position


@given(_positions)
def test_a_position_is_safe_in_urls_and_headers(position: Position) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]+", position.encode())


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 10)), unique=True))
def test_positions_of_one_log_sort_by_sequence_then_index(places: list[tuple[int, int]]) -> None:
    positions = [Position(Log.SESSIONS, "i", 3, sequence, index) for sequence, index in places]
    ordered = sorted(positions, key=lambda position: position.order)
    assert [(position.sequence, position.index) for position in ordered] == sorted(places)


@given(st.text(max_size=80))
def test_any_other_text_is_refused_and_nothing_else_is_raised(text: str) -> None:
    try:
        position = decode_position(text)
    except InvalidPosition:
        return
    assert decode_position(position.encode()) == position


@given(st.binary(max_size=60))
def test_any_other_body_is_refused_and_nothing_else_is_raised(body: bytes) -> None:
    try:
        decode_position("p1." + body.decode("latin-1"))
    except InvalidPosition:
        return


@pytest.mark.parametrize(
    "position",
    [Position(Log.SESSIONS, "i", 1, -1, 0), Position(Log.SESSIONS, "i", 1, 1, -1)],
    ids=["negative sequence", "negative index"],
)
def test_a_place_that_cannot_be_is_refused(position: Position) -> None:
    with pytest.raises(InvalidPosition):
        decode_position(position.encode())


@pytest.mark.parametrize(
    "text", ["", "p1", "p1.", "p2.WzFd", "p1.####", "p1.bnVsbA", "p1.W10", "p1.WyJOT1BFIiwiaSIsMSwxLDBd"]
)
def test_what_no_position_encodes_to_is_refused(text: str) -> None:
    with pytest.raises(InvalidPosition):
        decode_position(text)
