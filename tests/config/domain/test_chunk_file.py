"""Chunks and vectors as they are kept: what was put in comes out, to the bit, and nothing else is taken for it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.domain.chunk_file import BadChunkFile, ChunkFile, as_text, decode_chunks, encode_chunks, packed, unpacked
from config.domain.chunking import Chunk

pytestmark = pytest.mark.unit

FILE = ChunkFile(
    chunks=[Chunk(0, ("One",), 1, "a"), Chunk(1, (), 0, "b")],
    model="small",
    dimensions=2,
    vectors=[packed([0.5, -1.0]), packed([0.25, 3.0])],
)

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


def test_a_file_survives_its_bytes() -> None:
    assert decode_chunks(encode_chunks(FILE)) == FILE


@pytest.mark.parametrize(
    "changes",
    [{"vectors": FILE.vectors[:1]}, {"dimensions": 3}, {"model": ""}, {"vectors": []}],
    ids=["a vector is missing", "too short", "of no model", "none"],
)
def test_vectors_that_are_not_those_of_the_chunks_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadChunkFile):
        decode_chunks(encode_chunks(msgspec.structs.replace(FILE, **changes)))
    with pytest.raises(BadChunkFile):
        decode_chunks(b"\x00")


@given(st.lists(floats, min_size=1, max_size=8))
def test_a_vector_is_the_same_after_packing_and_as_text(numbers: list[float]) -> None:
    kept = packed(numbers)
    assert list(unpacked(kept)) == numbers
    assert packed(float(one) for one in as_text(kept)[1:-1].split(",")) == kept


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e39])
def test_what_is_no_number_is_no_part_of_a_vector(number: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        packed([number])
