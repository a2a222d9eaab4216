"""The outbox over the log in memory: in order, once, whatever the log does; and what it does when it cannot."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.envelopes import a_subject, an_event

from chassis.event_log import LogFault, RevisionConflict
from chassis.memory.event_log import Failure, MemoryEventLog
from chassis.outbox import Outbox, OutboxFenced, OutboxFull
from contracts.envelope import MAX_COMMIT_BYTES, Envelope, InvalidCommit, decode_commit
from contracts.positions import Position
from contracts.subjects import Log

pytestmark = pytest.mark.unit

BOUND_S = 10.0
NO_PAUSE_S = 0.0


class MovableClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


def an_outbox(log: MemoryEventLog, subject: str, *, clock: MovableClock | None = None, **bounds: float) -> Outbox:
    return Outbox(
        log=log,
        log_name=Log.SESSIONS,
        subject=subject,
        revision=0,
        clock=clock or MovableClock(),
        retry_s=NO_PAUSE_S,
        **bounds,  # type: ignore[arg-type]
    )


@contextlib.asynccontextmanager
async def running(outbox: Outbox) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(outbox.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def stored(log: MemoryEventLog, subject: str) -> list[Envelope]:
    return [event async for commit in log.read(Log.SESSIONS, subject) for event in decode_commit(commit.payload)]


async def test_what_is_put_is_stored_in_order() -> None:
    log, subject = MemoryEventLog(), a_subject()
    outbox = an_outbox(log, subject)
    events = [an_event(n) for n in range(1, 6)]
    async with running(outbox):
        for event in events:
            outbox.put(event)
        await outbox.drain(BOUND_S)
    assert await stored(log, subject) == events


async def test_events_that_gather_become_one_commit() -> None:
    log, subject = MemoryEventLog(), a_subject()
    outbox = an_outbox(log, subject)
    for n in range(1, 301):
        outbox.put(an_event(n))
    async with running(outbox):
        await outbox.drain(BOUND_S)
    sizes = [len(decode_commit(commit.payload)) async for commit in log.read(Log.SESSIONS, subject)]
    assert sizes == [256, 44]


async def test_a_commit_keeps_within_its_bytes() -> None:
    log, subject = MemoryEventLog(), a_subject()
    outbox = an_outbox(log, subject)
    events = [an_event(n, text="x" * 60_000) for n in range(1, 21)]
    for event in events:
        outbox.put(event)
    async with running(outbox):
        await outbox.drain(BOUND_S)
    commits = [commit async for commit in log.read(Log.SESSIONS, subject)]
    assert all(len(commit.payload) <= MAX_COMMIT_BYTES for commit in commits)
    assert len(commits) == 3
    assert await stored(log, subject) == events


async def test_waiting_for_an_event_returns_its_own_position() -> None:
    log, subject = MemoryEventLog(), a_subject()
    outbox = an_outbox(log, subject)
    for n in (1, 2, 3):
        outbox.put(an_event(n))
    async with running(outbox):
        position = await outbox.wait_for(2, BOUND_S)
        assert await outbox.wait_for(2, BOUND_S) == position
    assert (position.sequence, position.index) == (1, 1)
    assert position.incarnation == await log.incarnation(Log.SESSIONS)


async def test_waiting_for_what_was_stored_before_the_outbox_began_returns_at_once() -> None:
    log, subject = MemoryEventLog(), a_subject()
    claim = await log.append(Log.SESSIONS, subject, [an_event(1)], expected=0)
    outbox = Outbox(
        log=log, log_name=Log.SESSIONS, subject=subject, revision=claim.sequence, clock=MovableClock(), acked_n=1
    )
    assert await outbox.wait_for(1, BOUND_S) == claim
    outbox.put(an_event(2))
    async with running(outbox):
        assert (await outbox.wait_for(2, BOUND_S)).sequence == 2


async def test_waiting_has_a_bound() -> None:
    log = MemoryEventLog()
    outbox = an_outbox(log, a_subject())
    log.pause()
    outbox.put(an_event(1))
    async with running(outbox):
        with pytest.raises(LogFault):
            await outbox.wait_for(1, 0.01)
        log.resume()
        assert (await outbox.wait_for(1, BOUND_S)).sequence == 1


async def test_acknowledged_events_are_told_in_order() -> None:
    log, told = MemoryEventLog(), list[int]()
    outbox = an_outbox(log, a_subject())

    def listen(events: Sequence[Envelope], position: Position) -> None:
        told.extend(event.n for event in events)
        assert position.index == len(events) - 1

    outbox.on_ack(listen)
    async with running(outbox):
        for n in range(1, 4):
            outbox.put(an_event(n))
            await outbox.drain(BOUND_S)
    assert told == [1, 2, 3]
    assert outbox.acked_n == 3


async def test_a_listener_that_fails_does_not_stop_the_record() -> None:
    log, subject = MemoryEventLog(), a_subject()
    outbox = an_outbox(log, subject)

    def fail(events: Sequence[Envelope], position: Position) -> None:
        raise ValueError

    outbox.on_ack(fail)
    async with running(outbox):
        for n in (1, 2):
            outbox.put(an_event(n))
            await outbox.drain(BOUND_S)
    assert len(await stored(log, subject)) == 2


@pytest.mark.parametrize("n", [0, 2, 7])
async def test_an_event_that_is_not_the_next_is_refused(n: int) -> None:
    outbox = an_outbox(MemoryEventLog(), a_subject())
    with pytest.raises(ValueError, match="does not follow"):
        outbox.put(an_event(n))
    outbox.put(an_event(1))


async def test_an_event_that_fits_no_commit_is_refused_and_not_counted() -> None:
    outbox = an_outbox(MemoryEventLog(), a_subject())
    with pytest.raises(InvalidCommit):
        outbox.put(an_event(1, text="x" * MAX_COMMIT_BYTES))
    outbox.put(an_event(1))


async def test_a_fenced_outbox_publishes_nothing_more() -> None:
    log, subject = MemoryEventLog(), a_subject()
    outbox = an_outbox(log, subject)
    await log.append(Log.SESSIONS, subject, [an_event(1, epoch=2)], expected=0)
    outbox.put(an_event(1))
    async with running(outbox) as task:
        waiting = asyncio.create_task(outbox.wait_for(1, BOUND_S))
        async with asyncio.timeout(BOUND_S):
            await outbox.fenced.wait()
            with pytest.raises(OutboxFenced):
                await waiting
            await task
        outbox.put(an_event(2))
        with pytest.raises(OutboxFenced):
            await outbox.wait_for(2, BOUND_S)
    async with asyncio.timeout(BOUND_S):
        await outbox.run()
    assert [event.epoch for event in await stored(log, subject)] == [2]
    assert outbox.acked_n == 0


async def test_a_log_that_stays_silent_is_a_failure_that_still_takes_a_last_word() -> None:
    log, subject, clock = MemoryEventLog(timeout_s=0.001), a_subject(), MovableClock()
    outbox = an_outbox(log, subject, clock=clock, max_silent_s=300)
    log.pause()
    outbox.put(an_event(1))
    async with running(outbox):
        clock.seconds = 301
        async with asyncio.timeout(BOUND_S):
            await outbox.failed.wait()
        outbox.put(an_event(2))
        log.resume()
        await outbox.drain(BOUND_S)
    assert len(await stored(log, subject)) == 2


async def test_a_log_that_was_silent_while_nothing_waited_is_no_failure() -> None:
    log, clock = MemoryEventLog(), MovableClock()
    outbox = an_outbox(log, a_subject(), clock=clock, max_silent_s=300)
    async with running(outbox):
        clock.seconds = 1000
        log.fail_next("lost_request")
        outbox.put(an_event(1))
        await outbox.drain(BOUND_S)
    assert not outbox.failed.is_set()


async def test_too_much_that_waits_is_a_failure_and_far_too_much_is_refused() -> None:
    outbox = an_outbox(MemoryEventLog(), a_subject(), max_bytes=1000)
    outbox.put(an_event(1))
    assert not outbox.failed.is_set()
    outbox.put(an_event(2, text="x" * 1000))
    assert outbox.failed.is_set()
    for n in range(3, 19):
        outbox.put(an_event(n, text="x" * 60_000))
    with pytest.raises(OutboxFull):
        outbox.put(an_event(19, text="x" * 90_000))
    outbox.put(an_event(19))


async def test_a_cancelled_run_goes_on_with_the_same_bytes() -> None:
    log, subject = MemoryEventLog(), a_subject()
    outbox = an_outbox(log, subject)
    outbox.put(an_event(1))
    log.pause()
    async with running(outbox):
        await asyncio.sleep(0)
    outbox.put(an_event(2))
    log.resume()
    async with running(outbox):
        await outbox.drain(BOUND_S)
    commits = [decode_commit(commit.payload) async for commit in log.read(Log.SESSIONS, subject)]
    assert [[event.n for event in commit] for commit in commits] == [[1], [2]]


async def take_over(log: MemoryEventLog, subject: str) -> None:
    """What the next job does; the log fails for it as well."""
    claim = an_event(1, epoch=2)
    while True:
        last = await log.last(Log.SESSIONS, subject)
        if last is not None and decode_commit(last.payload)[0].id == claim.id:
            return
        with contextlib.suppress(LogFault, RevisionConflict):
            await log.append(Log.SESSIONS, subject, [claim], expected=last.sequence if last else 0)


Step = int | Failure | None
"""Put so many events; have the next append fail; let the loop run."""

STEPS = st.lists(
    st.one_of(st.integers(1, 5), st.sampled_from(["lost_request", "lost_answer"]), st.none()), min_size=1, max_size=40
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
async def test_no_order_of_faults_loses_doubles_or_reorders_an_event(steps: list[Step]) -> None:
    log, subject = MemoryEventLog(), a_subject()
    outbox = an_outbox(log, subject)
    told: list[int] = []
    outbox.on_ack(lambda events, position: told.extend(event.n for event in events))
    n = 0
    async with running(outbox):
        for step in steps:
            match step:
                case int():
                    for _ in range(step):
                        outbox.put(an_event(n := n + 1))
                case None:
                    await asyncio.sleep(0)
                case failure:
                    log.fail_next(failure)
        await outbox.drain(BOUND_S)
    assert [event.n for event in await stored(log, subject)] == list(range(1, n + 1))
    assert told == list(range(1, n + 1))
    assert not outbox.fenced.is_set()


@settings(max_examples=100, deadline=None)
@given(steps=STEPS, at=st.integers(0, 40))
async def test_whoever_takes_the_stream_fences_us_at_any_point_and_n_has_no_gap(steps: list[Step], at: int) -> None:
    log, subject = MemoryEventLog(), a_subject()
    outbox = an_outbox(log, subject)
    n = 0
    async with running(outbox):
        for number, step in enumerate(steps):
            if number == at:
                await take_over(log, subject)
            match step:
                case int():
                    for _ in range(step):
                        outbox.put(an_event(n := n + 1))
                case None:
                    await asyncio.sleep(0)
                case failure:
                    log.fail_next(failure)
        with contextlib.suppress(OutboxFenced):
            await outbox.drain(BOUND_S)
    ours = [event.n for event in await stored(log, subject) if event.epoch == 1]
    everything = [event.epoch for event in await stored(log, subject)]
    assert ours == list(range(1, len(ours) + 1))
    assert everything == sorted(everything)
