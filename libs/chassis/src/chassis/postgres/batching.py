"""Reads ahead of the database: while one batch is being written, the next gathers, so the busier the log the larger
the transactions.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from chassis.event_log import Commit, EventLog
from chassis.tasks import stop
from contracts.subjects import Log

_READ_AHEAD = 4
"""How many full batches may wait; the log's own flow control holds back the rest."""
_READ_AHEAD_BYTES = 16 * 1024 * 1024
_BATCH_BYTES = 4 * 1024 * 1024


async def batches(event_log: EventLog, log: Log, *, after: int, limit: int) -> AsyncGenerator[list[Commit]]:
    """Commits with sequence > `after`, for ever, at most `limit` at a time and as many as there are.

    Close the iterator to stop. Raises what the log's tail raises.
    """
    ahead = _ReadAhead(limit * _READ_AHEAD)
    reading = asyncio.create_task(ahead.fill(event_log, log, after))
    try:
        while True:
            yield await ahead.take(limit)
    finally:
        await stop(reading)


class _ReadAhead:
    """A queue of commits, bounded in number and bytes, taken in batches."""

    def __init__(self, bound: int) -> None:
        self._commits: deque[Commit] = deque()
        self._bound, self._bytes = bound, 0
        self._changed = asyncio.Condition()
        self._ended: Exception | None = None

    async def fill(self, event_log: EventLog, log: Log, after: int) -> None:
        try:
            source = cast(AsyncGenerator[list[Commit]], event_log.tail(log, after=after))
            async with aclosing(source) as tail:
                async for commits in tail:
                    await self._put(commits)
            raise RuntimeError(f"the tail of {log} ended, which it must never do")
        except Exception as error:  # noqa: BLE001 (handed to whoever takes)
            async with self._changed:
                self._ended = error
                self._changed.notify_all()

    async def _put(self, commits: list[Commit]) -> None:
        async with self._changed:
            self._commits.extend(commits)
            self._bytes += sum(len(commit.payload) for commit in commits)
            self._changed.notify_all()
            await self._changed.wait_for(lambda: len(self._commits) < self._bound and self._bytes < _READ_AHEAD_BYTES)

    async def take(self, limit: int) -> list[Commit]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._commits or self._ended is not None)
            if not self._commits:
                assert self._ended is not None
                raise self._ended
            taken: list[Commit] = []
            size = 0
            while self._commits and len(taken) < limit and size < _BATCH_BYTES:
                taken.append(self._commits.popleft())
                size += len(taken[-1].payload)
            self._bytes -= size
            self._changed.notify_all()
            return taken
