"""Which job may serve a session."""

import asyncio

import msgspec
import pytest
from tests.support.runtime_calls import run_events
from tests.support.runtime_sessions import allocate, an_admitted_session

from chassis.clock import SystemClock
from chassis.memory.event_log import MemoryEventLog
from chassis.memory.object_store import MemoryObjectStore
from chassis.recording import Recorder
from contracts.commands.jobs import JobMetadata
from contracts.events.session import SessionEnded
from contracts.subjects import Log
from runtime.claim import Claim, claim, open_session, origin_of, record_failure

pytestmark = pytest.mark.unit


async def ask(log: MemoryEventLog, metadata: JobMetadata, *, epoch: int = 1, job: str = "job") -> Claim | None:
    return await claim(
        log,
        msgspec.structs.replace(metadata, epoch=epoch),
        clock=SystemClock(),
        source="test",
        job_id=job,
        worker_id="worker",
        participant="agent",
    )


async def test_the_first_job_of_an_epoch_has_the_session() -> None:
    log = MemoryEventLog()
    session = await an_admitted_session(log, MemoryObjectStore())
    claimed = await ask(log, session.metadata)
    assert claimed is not None
    assert (claimed.n, claimed.before_epoch) == (1, 0)


async def test_a_second_job_of_the_same_epoch_has_nothing() -> None:
    log = MemoryEventLog()
    session = await an_admitted_session(log, MemoryObjectStore())
    await ask(log, session.metadata)
    assert await ask(log, session.metadata, job="intruder") is None
    assert len(await run_events(log, session)) == 1


async def test_of_jobs_that_race_for_an_epoch_one_wins() -> None:
    log = MemoryEventLog()
    session = await an_admitted_session(log, MemoryObjectStore())
    claims = await asyncio.gather(*(ask(log, session.metadata, job=f"job{number}") for number in range(8)))
    assert sum(one is not None for one in claims) == 1


async def test_a_later_epoch_follows_and_an_earlier_one_is_too_late() -> None:
    log = MemoryEventLog()
    session = await an_admitted_session(log, MemoryObjectStore())
    await allocate(log, session, 2)
    await allocate(log, session, 3)
    await ask(log, session.metadata, epoch=2)
    assert await ask(log, session.metadata, epoch=1) is None
    claimed = await ask(log, session.metadata, epoch=3)
    assert claimed is not None
    assert (claimed.n, claimed.before_epoch) == (2, 2)


async def test_an_epoch_that_the_gateway_never_allocated_is_nobodys() -> None:
    log = MemoryEventLog()
    session = await an_admitted_session(log, MemoryObjectStore())
    assert await ask(log, session.metadata, epoch=7) is None


async def test_a_session_that_has_ended_is_nobodys() -> None:
    log = MemoryEventLog()
    session = await an_admitted_session(log, MemoryObjectStore())
    claimed = await ask(log, session.metadata)
    assert claimed is not None
    stamp = Recorder(origin=origin_of(session.metadata, source="test"), clock=SystemClock(), last_n=1, epoch=1)
    ended = stamp.record(SessionEnded(reason="user_left"))
    await log.append(Log.SESSIONS, claimed.subject, [ended], expected=claimed.revision)
    assert await ask(log, session.metadata, epoch=2) is None


async def test_a_session_is_folded_up_to_the_claim_with_what_is_personal_opened() -> None:
    log = MemoryEventLog()
    session = await an_admitted_session(log, MemoryObjectStore())
    claimed = await ask(log, session.metadata)
    assert claimed is not None
    opened = await open_session(log, session.metadata, claimed, keys=session.keys())
    assert opened.state.run.phase == "claimed"
    assert opened.state.admission.user is not None
    assert opened.state.admission.user.name == "Ada"


async def test_a_session_that_cannot_be_opened_fails_by_name_unless_another_job_has_it() -> None:
    log = MemoryEventLog()
    session = await an_admitted_session(log, MemoryObjectStore())
    claimed = await ask(log, session.metadata)
    assert claimed is not None
    for _ in range(2):
        await record_failure(log, session.metadata, claimed, clock=SystemClock(), source="test", code="object_missing")
    assert [event.type for event in await run_events(log, session)] == ["session.job_claimed", "session.failed"]
