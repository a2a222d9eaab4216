"""A fold of a whole log in memory: nothing to rebuild, nothing to lose, and nothing to ask of another service."""

import asyncio
from abc import ABC, abstractmethod

from chassis.event_log import Commit, EventLog
from contracts.subjects import Log


class LogFold(ABC):
    """Follows one log for ever. `caught_up` is set once everything of before the start is folded."""

    def __init__(self, *, log: EventLog, name: Log) -> None:
        self._log, self._name = log, name
        self._read = 0
        self._moved = asyncio.Condition()
        self.caught_up = asyncio.Event()

    async def follow(self) -> None:
        """Fold from the log's first commit on, for ever. Raises LogFault."""
        await self._follow(after=0)

    async def reached(self, sequence: int, *, timeout_s: float) -> bool:
        """Whether everything up to that sequence is folded, after waiting for it at most so long."""
        try:
            async with asyncio.timeout(timeout_s), self._moved:
                await self._moved.wait_for(lambda: self._read >= sequence)
        except TimeoutError:
            return False
        return True

    async def _follow(self, *, after: int) -> None:
        """As `follow`, where everything up to `after` is folded already."""
        self._read = after
        end = await self._log.end(self._name)
        if end <= after:
            self.caught_up.set()
        async for batch in self._log.tail(self._name, after=after):
            for commit in batch:
                self._apply(commit)
            if batch[-1].sequence >= end:
                self.caught_up.set()
            async with self._moved:
                self._read = batch[-1].sequence
                self._moved.notify_all()

    @abstractmethod
    def _apply(self, commit: Commit) -> None:
        """Fold one commit; pass over what is not ours."""
