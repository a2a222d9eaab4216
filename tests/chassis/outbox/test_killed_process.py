"""A process killed with SIGKILL leaves its spill, and the log gets from it what it lacks."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from tests.support.envelopes import a_session, a_subject

from chassis.memory.event_log import MemoryEventLog
from chassis.spill import Published, SpillBroken, publish_spill, read_spill
from contracts.envelope import decode_commit
from contracts.subjects import Log

pytestmark = pytest.mark.chaos

BOUND_S = 30.0
EVENTS = 50
ROOT = Path(__file__).parents[3]
JOB = """
import asyncio, sys, pathlib
from chassis.clock import SystemClock
from chassis.memory.event_log import MemoryEventLog
from chassis.outbox import Outbox
from chassis.spill import Spill, SpillHeader
from contracts.subjects import Log
from tests.support.envelopes import CUSTOMER, a_subject, an_event

async def main(path, session, count):
    subject = a_subject(session)
    header = SpillHeader(
        log=Log.SESSIONS, subject=subject, customer=CUSTOMER, session=session, epoch=1, revision=0
    )
    spill = Spill(pathlib.Path(path), header)
    spill.start()
    log = MemoryEventLog()
    log.pause()
    outbox = Outbox(log=log, log_name=Log.SESSIONS, subject=subject, revision=0, clock=SystemClock(), spill=spill)
    publishing = asyncio.create_task(outbox.run())
    for n in range(1, count + 1):
        outbox.put(an_event(n, session=session))
    print("put", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def spilled(path: Path) -> int:
    try:
        return len(read_spill(path).envelopes)
    except (FileNotFoundError, SpillBroken):
        return 0


async def test_what_a_killed_job_had_spilled_reaches_the_log(tmp_path: Path) -> None:
    path, session = tmp_path / "job.spill", a_session()
    job = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", JOB, str(path), session, str(EVENTS)], stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert job.stdout is not None
    async with asyncio.timeout(BOUND_S):
        assert await job.stdout.readline() == b"put\n"
        while spilled(path) < EVENTS:  # noqa: ASYNC110 (another process has no event to wait for)
            await asyncio.sleep(0.005)
        job.send_signal(signal.SIGKILL)
        await job.wait()
    assert [event.n for event in read_spill(path).envelopes] == list(range(1, EVENTS + 1))
    log = MemoryEventLog()
    assert await publish_spill(log, path) == Published(appended=EVENTS)
    [commit] = [commit async for commit in log.read(Log.SESSIONS, a_subject(session))]
    assert [event.n for event in decode_commit(commit.payload)] == list(range(1, EVENTS + 1))
