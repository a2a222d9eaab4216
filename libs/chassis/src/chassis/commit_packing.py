"""Packing encoded events into commits: as many as gathered, within the bounds of one message."""

from collections.abc import Iterable, Sequence

from contracts.envelope import MAX_COMMIT_BYTES

MAX_COMMIT_EVENTS = 256
"""More would make one commit slow to fold; fewer cost an append each."""


def fits_alone(encoded: bytes) -> bool:
    """Whether one encoded event can be stored at all."""
    return len(encoded) + 2 <= MAX_COMMIT_BYTES


def how_many_fit(encoded: Iterable[bytes]) -> int:
    """How many of the first events make one commit."""
    size, count = 1, 0
    for one in encoded:
        size += len(one) + 1
        if size > MAX_COMMIT_BYTES or count == MAX_COMMIT_EVENTS:
            break
        count += 1
    return count


def join(encoded: Sequence[bytes]) -> bytes:
    """The commit, equal byte for byte to `contracts.envelope.encode_commit` of the same events."""
    return b"[" + b",".join(encoded) + b"]"
