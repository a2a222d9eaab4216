"""A log in memory with the few methods that readers use, for tests of what follows a log. Payloads are taken as given,
so that a test can store bytes that are no commit.
"""

import asyncio
import fnmatch
from collections.abc import AsyncIterator

import msgspec

from chassis.event_log import Commit
from contracts.envelope import Envelope, encode_commit
from contracts.ids import CustomerId, EventId
from contracts.positions import Position
from contracts.subjects import Log, owner_of


class ReadableLog:
    """One log, whatever name it is asked by; `offset` is how many commits were purged from its start.

    `add` returns the position of the last event, `add_raw` the sequence.
    """

    def __init__(self, incarnation: str = "i1") -> None:
        self.commits: list[Commit] = []
        self.name = incarnation
        self.offset = 0
        self._grown = asyncio.Condition()

    async def incarnation(self, log: Log) -> str:
        return self.name

    async def end(self, log: Log) -> int:
        return self.offset + len(self.commits)

    async def add(self, subject: str, *events: Envelope) -> Position:
        sequence = await self.add_raw(subject, encode_commit(list(events)))
        return Position(Log.SESSIONS, self.name, owner_of(subject).partition, sequence, len(events) - 1)

    async def add_raw(self, subject: str, payload: bytes) -> int:
        async with self._grown:
            self.commits.append(Commit(Log.SESSIONS, subject, self.offset + len(self.commits) + 1, 0, payload))
            self._grown.notify_all()
        return self.commits[-1].sequence

    async def append(self, log: Log, subject: str, events: list[Envelope], *, expected: int) -> Position:
        raise NotImplementedError("a writer takes a real log")

    async def append_bytes(self, log: Log, subject: str, payload: bytes, *, message_id: str, expected: int) -> int:
        raise NotImplementedError("a writer takes a real log")

    async def last(self, log: Log, subject: str) -> Commit | None:
        raise NotImplementedError("a writer takes a real log")

    async def read(self, log: Log, subject: str, *, after: int = 0) -> AsyncIterator[Commit]:
        for commit in self.commits[max(0, after - self.offset) :]:
            if fnmatch.fnmatchcase(commit.subject, subject):
                yield commit

    async def tail(self, log: Log, *, after: int = 0, subject: str | None = None) -> AsyncIterator[list[Commit]]:
        while True:
            async with self._grown:
                while self.offset + len(self.commits) <= after:
                    await self._grown.wait()
            start = max(0, after - self.offset)
            found = self.commits[start : start + 256]
            after = found[-1].sequence
            yield found


_encode = msgspec.json.Encoder().encode


def a_count(session: str, n: int, *, customer: str = "cus_1", amount: int = 1, type: str = "toy.counted") -> Envelope:
    """An event of the toy projection."""
    return Envelope(
        id=EventId(f"evt_{session}_{n}"),
        type=type,
        v=1,
        time="2026-01-01T00:00:00.000000Z",
        customer=CustomerId(customer),
        subject=session,
        writer="run",
        n=n,
        data=msgspec.Raw(_encode({"amount": amount})),
    )
