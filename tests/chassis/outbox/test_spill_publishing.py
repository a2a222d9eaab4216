"""A spill that comes back: what the log lacks is appended once, and never into a session that has moved on."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.envelopes import CUSTOMER, a_session, a_subject, an_event

from chassis.event_log import LogFault
from chassis.memory.event_log import MemoryEventLog
from chassis.spill import Published, Spill, SpillHeader, publish_spill
from contracts.envelope import Envelope, decode_commit, encode_commit
from contracts.ids import SessionId
from contracts.subjects import Log, Writer

pytestmark = pytest.mark.unit


async def a_spill(folder: Path, session: SessionId, events: list[Envelope], *, revision: int = 0) -> Path:
    """The file that a killed job of epoch 1 leaves."""
    header = SpillHeader(
        log=Log.SESSIONS,
        subject=a_subject(session),
        customer=CUSTOMER,
        session=session,
        epoch=1,
        revision=revision,
    )
    spill = Spill(folder / f"{session}.spill", header)
    spill.start()
    for event in events:
        spill.write(event.n, encode_commit([event])[1:-1])
    await spill.close()
    return spill.path


async def stored(log: MemoryEventLog, session: SessionId, writer: Writer) -> list[Envelope]:
    subject = a_subject(session, writer)
    return [event async for commit in log.read(Log.SESSIONS, subject) for event in decode_commit(commit.payload)]


async def test_what_the_log_lacks_is_appended_as_the_job_would_have(tmp_path: Path) -> None:
    log, session = MemoryEventLog(), a_session()
    events = [an_event(n) for n in range(1, 5)]
    claim = await log.append(Log.SESSIONS, a_subject(session), events[:1], expected=0)
    await log.append(Log.SESSIONS, a_subject(session), events[1:2], expected=claim.sequence)
    path = await a_spill(tmp_path, session, events[1:], revision=claim.sequence)
    assert await publish_spill(log, path) == Published(appended=2, already=1)
    assert await stored(log, session, Writer.RUN) == events


async def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    log, session = MemoryEventLog(), a_session()
    path = await a_spill(tmp_path, session, [an_event(1), an_event(2)])
    await publish_spill(log, path)
    assert await publish_spill(log, path) == Published(already=2)
    assert await log.end(Log.SESSIONS) == 1


async def test_an_empty_spill_adds_nothing(tmp_path: Path) -> None:
    log = MemoryEventLog()
    assert await publish_spill(log, await a_spill(tmp_path, a_session(), [])) == Published()
    assert await log.end(Log.SESSIONS) == 0


async def test_a_session_that_moved_on_gets_them_under_late_with_their_ids_and_numbers_of_its_own(
    tmp_path: Path,
) -> None:
    log, session = MemoryEventLog(), a_session()
    events = [an_event(n) for n in range(1, 5)]
    first = await log.append(Log.SESSIONS, a_subject(session), events[:2], expected=0)
    next_claim = an_event(3, epoch=2)
    await log.append(Log.SESSIONS, a_subject(session), [next_claim], expected=first.sequence)
    path = await a_spill(tmp_path, session, events)
    assert await publish_spill(log, path) == Published(late=2, already=2)
    assert await publish_spill(log, path) == Published(already=4)
    assert await stored(log, session, Writer.RUN) == [*events[:2], next_claim]
    late = await stored(log, session, Writer.LATE)
    assert [(event.id, event.n, event.writer) for event in late] == [
        (events[2].id, 1, "late"),
        (events[3].id, 2, "late"),
    ]
    assert [(event.data, event.epoch) for event in late] == [(event.data, 1) for event in events[2:]]


async def test_a_second_late_spill_goes_on_counting(tmp_path: Path) -> None:
    log, session = MemoryEventLog(), a_session()
    await log.append(Log.SESSIONS, a_subject(session), [an_event(1, epoch=3)], expected=0)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        await publish_spill(log, await a_spill(tmp_path / folder, session, [an_event(1), an_event(2)]))
    assert [event.n for event in await stored(log, session, Writer.LATE)] == [1, 2, 3, 4]


async def test_numbers_that_do_not_join_go_under_late(tmp_path: Path) -> None:
    log, session = MemoryEventLog(), a_session()
    await log.append(Log.SESSIONS, a_subject(session), [an_event(1)], expected=0)
    path = await a_spill(tmp_path, session, [an_event(5)])
    assert await publish_spill(log, path) == Published(late=1)


async def test_a_long_spill_becomes_several_commits(tmp_path: Path) -> None:
    log, session = MemoryEventLog(), a_session()
    path = await a_spill(tmp_path, session, [an_event(n) for n in range(1, 601)])
    assert await publish_spill(log, path) == Published(appended=600)
    assert await log.end(Log.SESSIONS) == 3


class Racing(MemoryEventLog):
    """Another job claims the session between the reading and the append."""

    def __init__(self, subject: str) -> None:
        super().__init__()
        self._contested = subject

    async def append_bytes(self, log: Log, subject: str, payload: bytes, *, message_id: str, expected: int) -> int:
        if subject == self._contested:
            self._contested = ""
            await self.append(log, subject, [an_event(1, epoch=2)], expected=0)
        return await super().append_bytes(log, subject, payload, message_id=message_id, expected=expected)


async def test_a_claim_that_comes_in_between_sends_them_to_late(tmp_path: Path) -> None:
    session = a_session()
    log = Racing(a_subject(session))
    assert await publish_spill(log, await a_spill(tmp_path, session, [an_event(1)])) == Published(late=1)
    assert [event.epoch for event in await stored(log, session, Writer.RUN)] == [2]


@settings(max_examples=100, deadline=None)
@given(
    in_log=st.integers(0, 6),
    in_spill=st.integers(0, 6),
    moved_on=st.booleans(),
    faults=st.lists(st.sampled_from(["lost_request", "lost_answer"]), max_size=4),
)
async def test_every_event_ends_up_in_the_log_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, in_log: int, in_spill: int, moved_on: bool, faults: list[str]
) -> None:
    log, session, revision = MemoryEventLog(), a_session(), 0
    events = [an_event(n) for n in range(1, max(in_log, in_spill) + 1)]
    for event in events[:in_log]:
        revision = (await log.append(Log.SESSIONS, a_subject(session), [event], expected=revision)).sequence
    if moved_on:
        await log.append(Log.SESSIONS, a_subject(session), [an_event(in_log + 1, epoch=2)], expected=revision)
    path = await a_spill(tmp_path_factory.mktemp("spill"), session, events[len(events) - in_spill :])
    log.fail_next(*faults)  # type: ignore[arg-type]
    await _publish_at_last(log, path)
    run, late = await stored(log, session, Writer.RUN), await stored(log, session, Writer.LATE)
    ids = [event.id for event in [*run, *late] if event.epoch == 1]
    assert sorted(ids) == sorted({event.id for event in [*events[:in_log], *events[len(events) - in_spill :]]})
    assert [event.n for event in late] == list(range(1, len(late) + 1))
    assert [event.n for event in run] == list(range(1, len(run) + 1)) or not in_log


async def _publish_at_last(log: MemoryEventLog, path: Path) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await publish_spill(log, path)
                return
            except LogFault:
                continue
