"""Spill files: a worker's own folder, and what dead workers left behind."""

from pathlib import Path

import msgspec
import pytest
from tests.support.runtime_calls import run_events
from tests.support.runtime_sessions import Admitted, an_admitted_session
from tests.support.until import until

from chassis.clock import SystemClock
from chassis.memory.event_log import MemoryEventLog
from chassis.memory.object_store import MemoryObjectStore
from chassis.recording import Recorder
from chassis.spill import Spill, SpillHeader
from contracts.events.session import SessionStarted
from contracts.ids import AgentId
from contracts.subjects import Log
from runtime.claim import claim, origin_of
from runtime.serving import spill_name
from runtime.spills import SpillFolder, publish

pytestmark = pytest.mark.unit


async def a_dead_jobs_spill(log: MemoryEventLog, session: Admitted, folder: Path) -> Path:
    """A claim in the log, and one event more in the file of a job that is gone."""
    metadata = session.metadata
    claimed = await claim(log, metadata, clock=SystemClock(), source="test", job_id="j", worker_id="w", participant="p")
    assert claimed is not None
    stamp = Recorder(origin=origin_of(metadata, source="test"), clock=SystemClock(), last_n=1, epoch=1)
    event = stamp.record(SessionStarted(agent=AgentId("triage")))
    header = SpillHeader(
        log=Log.SESSIONS,
        subject=claimed.subject,
        customer=metadata.customer,
        session=metadata.session,
        epoch=1,
        revision=claimed.revision,
    )
    path = folder / spill_name(metadata, claimed.job_id)
    spill = Spill(path, header)
    spill.start()
    spill.write(event.n, msgspec.json.encode(event))
    await spill.close()
    return path


async def test_what_a_dead_job_had_not_published_comes_back_and_its_file_goes(tmp_path: Path) -> None:
    log = MemoryEventLog()
    session = await an_admitted_session(log, MemoryObjectStore())
    path = await a_dead_jobs_spill(log, session, tmp_path)
    assert await publish(log, path)
    assert [event.type for event in await run_events(log, session)] == ["session.job_claimed", "session.started"]
    assert not path.exists()
    assert await publish(log, path)


async def test_a_file_that_is_no_spill_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.1.spill"
    path.write_bytes(b"nonsense")
    assert not await publish(MemoryEventLog(), path)
    assert path.exists()


async def test_a_worker_takes_over_from_dead_workers_and_never_from_live_ones(tmp_path: Path) -> None:
    log = MemoryEventLog()
    session = await an_admitted_session(log, MemoryObjectStore())
    other = SpillFolder(tmp_path)
    other.open()
    await a_dead_jobs_spill(log, session, other.path)
    mine = SpillFolder(tmp_path)
    mine.open()
    await mine.publish_leftovers(log)
    assert len(await run_events(log, session)) == 1
    other.close()
    assert other.path.exists()
    await mine.publish_leftovers(log)
    await until(lambda: not other.path.exists())
    assert len(await run_events(log, session)) == 2
    mine.close()
    assert entries(tmp_path) == []


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())
