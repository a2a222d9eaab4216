"""What is kept of a document that was read: its chunks, and their vectors where an endpoint gave some.

Vectors are kept, not asked for again: no endpoint promises to give the same numbers twice, and a read model that is
rebuilt has to come out equal.
"""

import math
import sys
from array import array
from collections.abc import Iterable, Sequence

import msgspec

from config.domain.chunking import Chunk

_FLOAT32 = 4


class ChunkFile(msgspec.Struct, frozen=True, kw_only=True):
    """`vectors` holds one for each chunk, little-endian float32, by `model`; none, and an empty name, where no model
    embedded them.
    """

    chunks: list[Chunk]
    model: str = ""
    dimensions: int = 0
    vectors: list[bytes] = []

    @property
    def whole(self) -> bool:
        """Whether every vector belongs to a chunk, and is as long as said."""
        expected = len(self.chunks) if self.model else 0
        return len(self.vectors) == expected and all(len(one) == _FLOAT32 * self.dimensions for one in self.vectors)


class BadChunkFile(ValueError):
    """Bytes that are no file of chunks."""

    code = "bad_chunk_file"


def encode_chunks(file: ChunkFile) -> bytes:
    """As MessagePack."""
    return msgspec.msgpack.encode(file)


def decode_chunks(content: bytes) -> ChunkFile:
    """Inverse of `encode_chunks`; raises BadChunkFile."""
    try:
        file = msgspec.msgpack.decode(content, type=ChunkFile)
    except msgspec.MsgspecError as error:
        raise BadChunkFile(str(error)) from error
    if not file.whole:
        raise BadChunkFile("the vectors are not those of the chunks")
    return file


def packed(numbers: Iterable[float]) -> bytes:
    """A vector as it is kept; raises ValueError for what is no number, OverflowError for one beyond float32."""
    vector = array("f", numbers)
    if not all(map(math.isfinite, vector)):
        raise ValueError("a vector holds finite numbers only")
    if sys.byteorder == "big":
        vector.byteswap()
    return vector.tobytes()


def unpacked(kept: bytes) -> Sequence[float]:
    """Its numbers; raises ValueError where the length is not that of float32s."""
    vector = array("f")
    vector.frombytes(kept)
    if sys.byteorder == "big":
        vector.byteswap()
    return vector


def as_text(kept: bytes) -> str:
    """As pgvector reads it; nine digits give a float32 back exactly."""
    return f"[{','.join(f'{number:.9g}' for number in unpacked(kept))}]"
