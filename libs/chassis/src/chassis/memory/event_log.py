"""The event log in memory. It passes the same suite as the one on JetStream, and can be made to fail on purpose.

Shared by the tasks of one event loop. Nothing is ever forgotten: it is not for long-lived processes.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Literal

from chassis.event_log import Commit, LogFault, RevisionConflict, check_append, position_of
from contracts.envelope import Envelope, InvalidCommit, encode_commit
from contracts.positions import Position
from contracts.subjects import Log

Failure = Literal["lost_request", "lost_answer"]
"""What a failing append does: nothing is stored, or it is stored and nobody hears of it."""

_BATCH = 1000


class MemoryEventLog:
    """The port `chassis.event_log.EventLog`. `timeout_s` is how long a call waits while the log is paused."""

    def __init__(self, *, timeout_s: float = 10.0) -> None:
        self._timeout_s = timeout_s
        self._incarnation = secrets.token_hex(8)
        self._commits: dict[Log, list[Commit]] = {log: [] for log in Log}
        self._streams: dict[tuple[Log, str], list[Commit]] = {}
        self._by_id: dict[tuple[Log, str], Commit] = {}
        self._failures: deque[Failure] = deque()
        self._running = asyncio.Event()
        self._running.set()
        self._grown = asyncio.Event()

    def fail_next(self, *failures: Failure) -> None:
        """The next appends raise LogFault, each in its way; those after them work."""
        self._failures.extend(failures)

    def pause(self) -> None:
        """Be out of reach: calls wait for `resume`, and raise LogFault after `timeout_s`; tails wait."""
        self._running.clear()

    def resume(self) -> None:
        """Be there again."""
        self._running.set()

    async def incarnation(self, log: Log) -> str:
        """See the port."""
        await self._reach()
        return self._incarnation

    async def append(self, log: Log, subject: str, events: list[Envelope], *, expected: int) -> Position:
        """See the port."""
        payload = encode_commit(events)
        sequence = await self.append_bytes(log, subject, payload, message_id=events[0].id, expected=expected)
        return position_of(log, self._incarnation, subject, sequence, len(events) - 1)

    async def append_bytes(self, log: Log, subject: str, payload: bytes, *, message_id: str, expected: int) -> int:
        """See the port."""
        check_append(log, subject, payload)
        await self._reach()
        failure = self._failures.popleft() if self._failures else None
        if failure == "lost_request":
            raise LogFault("told to fail before the append")
        sequence = self._store(log, subject, payload, message_id, expected)
        if failure == "lost_answer":
            raise LogFault("told to fail after the append")
        return sequence

    async def last(self, log: Log, subject: str) -> Commit | None:
        """See the port."""
        await self._reach()
        return next((commit for commit in reversed(self._commits[log]) if matches(subject, commit.subject)), None)

    async def read(self, log: Log, subject: str, *, after: int = 0) -> AsyncIterator[Commit]:
        """See the port."""
        await self._reach()
        for commit in self._commits[log][after:]:
            if matches(subject, commit.subject):
                yield commit

    async def tail(self, log: Log, *, after: int = 0, subject: str | None = None) -> AsyncIterator[list[Commit]]:
        """See the port."""
        while True:
            await self._running.wait()
            grown = self._grown
            commits = self._commits[log][after : after + _BATCH]
            if not commits:
                await grown.wait()
                continue
            after = commits[-1].sequence
            if found := [commit for commit in commits if subject is None or matches(subject, commit.subject)]:
                yield found

    async def end(self, log: Log) -> int:
        """See the port."""
        await self._reach()
        return len(self._commits[log])

    async def _reach(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._running.wait()
        except TimeoutError as error:
            raise LogFault(f"paused for {self._timeout_s:g} s") from error

    def _store(self, log: Log, subject: str, payload: bytes, message_id: str, expected: int) -> int:
        stream = self._streams.setdefault((log, subject), [])
        known = self._by_id.get((log, message_id))
        if known is not None and (known.subject, known.payload) == (subject, payload):
            return known.sequence
        revision = stream[-1].sequence if stream else 0
        if revision != expected:
            raise RevisionConflict(subject, expected, revision)
        if known is not None:
            raise InvalidCommit(f"message id {message_id} was used before, for another commit")
        commits = self._commits[log]
        commit = Commit(log, subject, len(commits) + 1, time.time_ns(), payload)
        commits.append(commit)
        stream.append(commit)
        self._by_id[log, message_id] = commit
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
        return commit.sequence


def matches(pattern: str, subject: str) -> bool:
    """Whether a NATS subject filter (``*`` one token, ``>`` the rest) covers a subject."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(given) >= len(wanted) and all(w in ("*", g) for w, g in zip(wanted[:-1], given, strict=False))
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))
