"""What a watcher of a session is told, over a log in memory."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.support.scripted_session import ScriptedSession

from chassis.memory.event_log import MemoryEventLog
from chassis.postgres.faults import PositionOfAnotherLog
from contracts.envelope import Envelope
from contracts.events import session as events
from contracts.ids import AgentId, CustomerId, SessionId
from contracts.opened_event import OpenedEvent
from contracts.positions import Position, decode_position
from contracts.subjects import Log, Writer, session_subject
from gateway.handlers.live_events import Beat, End, LiveEvents, Told, TooManyWatchers
from gateway.handlers.opening import Opened

pytestmark = pytest.mark.unit

CUSTOMER, SESSION = CustomerId("cus_1"), SessionId("ses_1")


class NothingOpens:
    """An opener without keys."""

    async def open(self, customer: CustomerId, envelopes: Sequence[Envelope]) -> list[Opened]:
        return ["erased" if envelope.personal else None for envelope in envelopes]


class Scene:
    """One session and its watchers."""

    def __init__(self, **more: float) -> None:
        self.log = MemoryEventLog()
        self.script = ScriptedSession()
        self.live = LiveEvents(event_log=self.log, opener=NothingOpens(), **more)  # type: ignore[arg-type]
        self._revisions = {Writer.ADMISSION: 0, Writer.RUN: 0}

    async def tell(self, writer: Writer, *told: events.AdmissionEvent | events.LifecycleEvent) -> Position:
        """One commit."""
        envelopes = [self.script.tell(writer, data) for data in told]
        subject = session_subject(CUSTOMER, SESSION, writer)
        position = await self.log.append(Log.SESSIONS, subject, envelopes, expected=self._revisions[writer])
        self._revisions[writer] = position.sequence
        return position

    async def heard(self, *, after: Position | None = None, most: int = 100) -> list[Told]:
        """What a watcher hears, up to its end or `most`."""
        watch = await self.live.find(CUSTOMER, SESSION, after)
        assert watch is not None
        found: list[Told] = []
        async with asyncio.timeout(5):
            async for told in self.live.told(watch):
                found.append(told)
                if len(found) == most:
                    break
        return found


def types(told: list[Told]) -> list[str]:
    return [one.type if isinstance(one, OpenedEvent) else type(one).__name__ for one in told]


DISPATCHED = events.SessionDispatched(epoch=1, room="ses_1")
STARTED = events.SessionStarted(agent=AgentId("triage"))
CLOSED = events.SessionClosed(reason="user_left")


async def test_a_closed_session_is_told_whole_and_ends_with_the_place_of_its_closing() -> None:
    scene = Scene()
    await scene.tell(Writer.ADMISSION, DISPATCHED)
    await scene.tell(Writer.RUN, STARTED)
    last = await scene.tell(Writer.ADMISSION, CLOSED)
    told = await scene.heard()

    assert types(told) == ["session.dispatched", "session.started", "session.closed", "End"]
    assert isinstance(told[-1], End)
    assert decode_position(told[-1].position) == last


@pytest.mark.parametrize("index", [0, 1, 2])
async def test_from_inside_a_commit_nothing_is_told_twice_and_nothing_left_out(index: int) -> None:
    scene = Scene()
    place = await scene.tell(Writer.ADMISSION, DISPATCHED, DISPATCHED, DISPATCHED)
    await scene.tell(Writer.ADMISSION, CLOSED)
    told = await scene.heard(after=Position(place.log, place.incarnation, place.partition, place.sequence, index))

    assert len([one for one in told if isinstance(one, OpenedEvent)]) == 2 - index + 1


async def test_at_the_last_place_there_is_only_the_end() -> None:
    scene = Scene()
    last = await scene.tell(Writer.ADMISSION, events.SessionRefused(reason="expired"))

    assert types(await scene.heard(after=last)) == ["End"]


async def test_a_silent_session_is_heard_to_beat() -> None:
    scene = Scene(heartbeat_s=0.01)
    last = await scene.tell(Writer.ADMISSION, DISPATCHED)

    assert await scene.heard(after=last, most=2) == [Beat(), Beat()]


async def test_there_is_no_stream_of_a_session_that_is_not_or_from_a_place_of_another() -> None:
    scene = Scene()
    assert await scene.live.find(CUSTOMER, SESSION, None) is None
    place = await scene.tell(Writer.ADMISSION, DISPATCHED)
    assert await scene.live.find(CustomerId("other"), SESSION, None) is None
    elsewhere = Position(place.log, place.incarnation, place.partition + 1, place.sequence, 0)
    with pytest.raises(PositionOfAnotherLog):
        await scene.live.find(CUSTOMER, SESSION, elsewhere)


def test_watchers_are_counted_for_each_customer_and_in_all() -> None:
    live = LiveEvents(event_log=MemoryEventLog(), opener=NothingOpens(), most=3, most_of_customer=2)  # type: ignore[arg-type]
    other = CustomerId("other")
    live.enter(CUSTOMER)
    live.enter(CUSTOMER)
    with pytest.raises(TooManyWatchers):
        live.enter(CUSTOMER)
    live.enter(other)
    live.leave(CUSTOMER)
    live.enter(CUSTOMER)
    live.leave(other)
    with pytest.raises(TooManyWatchers):
        live.enter(CUSTOMER)


async def test_a_watcher_in_between_two_writers_misses_nothing() -> None:
    scene = Scene()
    await scene.tell(Writer.ADMISSION, DISPATCHED)
    hearing = asyncio.create_task(scene.heard())
    for _ in range(20):
        await scene.tell(Writer.RUN, STARTED)
    await scene.tell(Writer.ADMISSION, CLOSED)

    told = [one.id for one in await hearing if isinstance(one, OpenedEvent)]
    assert told == [one.id for one in scene.script.events]
