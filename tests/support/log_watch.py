"""Watches the SESSIONS log of a running stack from outside, over NATS: what it saw, the server had acknowledged."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.support.running import running
from tests.support.until import until

from chassis.event_log import Commit, LogFault
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from contracts.envelope import Envelope, decode_commit
from contracts.subjects import Log


class LogWatch:
    """The commits seen so far, by sequence. It outlives the server: give it to `watching` again after a restart."""

    def __init__(self) -> None:
        self.commits: dict[int, Commit] = {}
        self.changed = asyncio.Event()

    def events(self, session: str, writer: str = "run") -> list[Envelope]:
        """What one writer of a session wrote."""
        return [
            event
            for _, commit in sorted(self.commits.items())
            if commit.subject.endswith(f".{session}.{writer}")
            for event in decode_commit(commit.payload)
        ]

    def types(self, session: str, writer: str = "run") -> list[str]:
        """The types of `events`."""
        return [event.type for event in self.events(session, writer)]

    async def until_seen(
        self, session: str, *types: str, writer: str = "run", times: int = 1, timeout_s: float = 20.0
    ) -> None:
        """Until one of the types was seen so many times."""

        def seen() -> bool:
            return sum(type in types for type in self.types(session, writer)) >= times

        await until(seen, timeout_s=timeout_s, what=f"{' or '.join(types)} of {session}; seen {self.types(session)}")

    async def follow(self, log: NatsEventLog) -> None:
        """For ever, from after the last one seen."""
        async for batch in log.tail(Log.SESSIONS, after=max(self.commits, default=0)):
            for commit in batch:
                self.commits[commit.sequence] = commit


@contextlib.asynccontextmanager
async def watching(url: str, watch: LogWatch) -> AsyncIterator[NatsEventLog]:
    """Follow while open; a server that is killed meanwhile is no fault."""
    async with connect(url, name="test-watch") as client:
        log = NatsEventLog(client)
        with contextlib.suppress(LogFault):
            async with running(watch.follow(log)):
                yield log
