"""A session's events as they are appended, for one who watches: from any position on, until the session is closed.

It reads the log itself, so that it is behind nothing. A watcher who is slow holds back its own reader and nobody else:
at most QUEUED batches wait for it.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
import structlog

from chassis.errors import Refusal, TooMany
from chassis.event_log import Commit, EventLog, LogFault, position_of
from chassis.postgres.faults import PositionOfAnotherLog
from chassis.tasks import stop
from contracts.envelope import Envelope, InvalidCommit, decode_commit
from contracts.ids import CustomerId, SessionId
from contracts.opened_event import OpenedEvent, opened_event
from contracts.positions import Position
from contracts.subjects import Log, Writer, session_filter, session_subject
from gateway.handlers.opening import Opener

log = structlog.get_logger(__name__)

HEARTBEAT_S = 10.0
QUEUED = 4
_LAST_TYPES = frozenset({"session.closed", "session.refused"})

Place = tuple[int, int]
"""(sequence, index) of an event."""


class TooManyWatchers(TooMany):
    """As many live streams are open as may be."""

    code, title = "too_many_streams", "As many live streams are open as your limit allows"
    retry_after_s = 10


class Beat(msgspec.Struct, frozen=True):
    """Nothing happened for HEARTBEAT_S."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing more will happen: the session is closed, or was refused. `position` is that of its last event."""

    position: str


Told = OpenedEvent | Beat | End


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What one watcher asked for, checked. `last` is the session's last event, where that is already known."""

    customer: CustomerId
    session: SessionId
    after: Place
    last: Place | None


class LiveEvents:
    """Counts watchers, and tells each of them what happens."""

    def __init__(
        self,
        *,
        event_log: EventLog,
        opener: Opener,
        most: int = 500,
        most_of_customer: int = 100,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._log, self._opener, self._heartbeat_s = event_log, opener, heartbeat_s
        self._most, self._most_of_customer = most, most_of_customer
        self._watching: Counter[CustomerId] = Counter()

    async def find(self, customer: CustomerId, session: SessionId, after: Position | None) -> Watch | None:
        """None where the customer has no such session. Raises PositionOfAnotherLog, LogFault."""
        commit = await self._log.last(Log.SESSIONS, session_subject(customer, session, Writer.ADMISSION))
        if commit is None:
            return None
        if after is not None and after != await self._position(customer, session, (after.sequence, after.index)):
            raise PositionOfAnotherLog
        envelopes = _envelopes(commit)
        over = bool(envelopes) and envelopes[-1].type in _LAST_TYPES
        return Watch(
            customer=customer,
            session=session,
            after=(after.sequence, after.index) if after else (0, 0),
            last=(commit.sequence, len(envelopes) - 1) if over else None,
        )

    def enter(self, customer: CustomerId) -> None:
        """Count a watcher; `leave` must follow. Raises TooManyWatchers."""
        if self._watching.total() >= self._most or self._watching[customer] >= self._most_of_customer:
            raise TooManyWatchers
        self._watching[customer] += 1

    def leave(self, customer: CustomerId) -> None:
        """The watcher is gone."""
        self._watching[customer] -= 1
        self._watching += Counter()  # drops those that are zero

    async def told(self, watch: Watch) -> AsyncIterator[Told]:
        """Everything after `watch.after`, then what comes, and `End` at last.

        It ends early when the log or the keys are out of reach: the watcher comes again with its last position.
        """
        if watch.last is not None and watch.after >= watch.last:
            yield End(position=(await self._position(watch.customer, watch.session, watch.last)).encode())
            return
        try:
            async for commits in self._commits(watch):
                if not commits:
                    yield Beat()
                for event in await self._opened(watch, commits):
                    yield event
                    if event.type in _LAST_TYPES:
                        yield End(position=event.position)
                        return
        except (Refusal, LogFault) as error:
            log.warning("live_events_interrupted", session=watch.session, code=error.code)

    async def _commits(self, watch: Watch) -> AsyncIterator[list[Commit]]:
        """Batches as they come; an empty one when nothing came for a while."""
        arrived: asyncio.Queue[list[Commit]] = asyncio.Queue(QUEUED)
        reading = asyncio.create_task(self._read(watch, arrived), name=f"gateway.live:{watch.session}")
        try:
            while True:
                getting = asyncio.create_task(arrived.get())
                try:
                    done, _ = await asyncio.wait(
                        {getting, reading}, timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    if not getting.done():
                        getting.cancel()
                if getting in done:
                    yield getting.result()
                elif reading in done:
                    reading.result()
                    return
                else:
                    yield []
        finally:
            await stop(reading)

    async def _read(self, watch: Watch, arrived: "asyncio.Queue[list[Commit]]") -> None:
        """From the commit of `after` on, since that commit may hold later events."""
        subject = session_filter(watch.customer, watch.session)
        tail = self._log.tail(Log.SESSIONS, after=max(watch.after[0] - 1, 0), subject=subject)
        async with contextlib.aclosing(tail) as batches:  # type: ignore[type-var]
            async for batch in batches:
                await arrived.put(batch)

    async def _opened(self, watch: Watch, commits: list[Commit]) -> list[OpenedEvent]:
        found = [
            ((commit.sequence, index), envelope)
            for commit in commits
            for index, envelope in enumerate(_envelopes(commit))
            if (commit.sequence, index) > watch.after or watch.after == (0, 0)
        ]
        opened = await self._opener.open(watch.customer, [envelope for _, envelope in found])
        return [
            opened_event(
                envelope,
                position=(await self._position(watch.customer, watch.session, place)).encode(),
                personal=personal,
            )
            for (place, envelope), personal in zip(found, opened, strict=True)
        ]

    async def _position(self, customer: CustomerId, session: SessionId, place: Place) -> Position:
        incarnation = await self._log.incarnation(Log.SESSIONS)
        subject = session_subject(customer, session, Writer.ADMISSION)
        return position_of(Log.SESSIONS, incarnation, subject, *place)


def _envelopes(commit: Commit) -> list[Envelope]:
    """None of a commit that nobody can read: it is in the record."""
    try:
        return decode_commit(commit.payload)
    except InvalidCommit:
        log.error("commit_unreadable", sequence=commit.sequence)
        return []
