"""The port to the event log: append a commit under a guard, read one stream, tail a whole log.

A *stream* is the commits on one subject; its *revision* is the log sequence of its last commit, 0 when empty.
Adapters: chassis.memory (also a fake that passes the same suite) and chassis.nats.
"""

import re
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from contracts.envelope import MAX_COMMIT_BYTES, Envelope, InvalidCommit, decode_commit
from contracts.ids import InvalidId
from contracts.positions import Position
from contracts.subjects import Log

_SUBJECT = re.compile(r"[a-z]{3}(\.[A-Za-z0-9_-]{1,64}){2,4}\Z")


class LogFault(Exception):
    """Something between us and the log broke, and stayed broken to the end of the bound.

    An append may or may not have happened then: append the same commit again, with the same expectation, to find out.
    """

    code = "log_unavailable"


class RevisionConflict(Exception):
    """The stream had moved on: `expected` was not its revision. Nothing was appended."""

    code = "revision_conflict"

    def __init__(self, subject: str, expected: int, actual: int | None = None) -> None:
        super().__init__(
            f"{subject}: expected revision {expected}, found {actual if actual is not None else 'another'}"
        )
        self.subject, self.expected, self.actual = subject, expected, actual


class Commit(msgspec.Struct, frozen=True):
    """One stored message: its place, its time of storage (nanoseconds since 1970, UTC) and its bytes as stored."""

    log: Log
    subject: str
    sequence: int
    stored_ns: int
    payload: bytes


class Recorded(msgspec.Struct, frozen=True):
    """One event with its position and its commit's subject."""

    position: Position
    subject: str
    envelope: Envelope


class EventLog(Protocol):
    """What services may do with the log. Every method is bounded in time and raises LogFault past its bound."""

    async def incarnation(self, log: Log) -> str:
        """A short text that changes when the log is made anew; it is part of every position."""

    async def append(self, log: Log, subject: str, events: list[Envelope], *, expected: int) -> Position:
        """Append `events` as one commit if the stream's revision is `expected`; return the last event's position.

        The message id is the first event's id: appending the same commit again returns its first position, and another
        commit under the same id raises InvalidCommit or RevisionConflict. An ambiguous answer (timeout, disconnect, an
        error code the adapter does not know) is settled by reading what follows `expected` in the stream; it is never
        taken for a conflict. Raises RevisionConflict, LogFault; InvalidId for a subject that is not one of the log's,
        InvalidCommit for an empty or too large commit.
        """

    async def append_bytes(self, log: Log, subject: str, payload: bytes, *, message_id: str, expected: int) -> int:
        """As `append`, for a commit that was encoded before (an outbox's retries must be equal byte for byte).

        Returns the sequence.
        """

    async def last(self, log: Log, subject: str) -> Commit | None:
        """The stream's last commit, read from the leader; None when it has none."""

    def read(self, log: Log, subject: str, *, after: int = 0) -> AsyncIterator[Commit]:
        """The commits of one stream (or of a wildcard filter) with sequence > `after`, up to the end as of now."""

    def tail(self, log: Log, *, after: int = 0, subject: str | None = None) -> AsyncIterator[list[Commit]]:
        """Batches of commits with sequence > `after`, for ever, in order, without a gap; a batch is never empty.

        It survives reconnects. Close the iterator (`aclose`) to stop; without `subject` it passes every commit.
        """

    async def end(self, log: Log) -> int:
        """Sequence of the log's last commit, 0 when empty: what a reader must reach to have caught up."""


def check_append(log: Log, subject: str, payload: bytes) -> None:
    """What every adapter refuses before it does anything: raises InvalidId, InvalidCommit."""
    if not _SUBJECT.match(subject) or f"{subject[:3]}.>" != log.subjects:
        raise InvalidId(f"{subject[:80]!r} is not a subject of {log}")
    if len(payload) > MAX_COMMIT_BYTES:
        raise InvalidCommit(f"a commit holds at most {MAX_COMMIT_BYTES} bytes, not {len(payload)}")


def position_of(log: Log, incarnation: str, subject: str, sequence: int, index: int = 0) -> Position:
    """The position of an event by its commit's subject and sequence and its index in the commit."""
    partition = int(subject.split(".", 2)[1]) if log is Log.SESSIONS else -1
    return Position(log=log, incarnation=incarnation, partition=partition, sequence=sequence, index=index)


def recorded(commit: Commit, incarnation: str) -> list[Recorded]:
    """The events of a commit, each with its position; raises InvalidCommit."""
    return [
        Recorded(position_of(commit.log, incarnation, commit.subject, commit.sequence, index), commit.subject, envelope)
        for index, envelope in enumerate(decode_commit(commit.payload))
    ]
