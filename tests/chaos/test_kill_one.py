"""One process dies by `kill -9` in the middle of a call: the session gets its one end, and its slot comes back."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.invariants import ENDS, assert_invariants
from tests.support.live_calls import Call, a_call, a_customer, job_process, until_no_slot_is_taken
from tests.support.log_watch import LogWatch, watching
from tests.support.stack import Stack, a_stack
from tests.support.until import until

from baton.demo.api import ApiRefused
from baton.ready import Ready
from contracts.template_version import Limits

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-split")]

END_WITHIN_S = 30.0
GONE_WITHIN_S = 15.0


@pytest.fixture(scope="module")
def split(livekit_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Five processes, and a sixth that watches them."""
    with a_stack(tmp_path_factory.mktemp("split") / "data", topology="split") as running:
        yield running


async def _customer(split: Stack, name: str) -> Ready:
    """Who may hold one session at a time, so that a slot which is not given back is noticed."""
    limits = Limits(away_timeout_s=120, grace_s=20)
    return await a_customer(split.ready, split.data, name, max_sessions=1, limits=limits)


@contextlib.asynccontextmanager
async def a_call_in_a_turn(live: Ready, watch: LogWatch) -> AsyncIterator[Call]:
    """Greeted, and the agent is about to answer."""
    async with watching(live.nats_url, watch), a_call(live) as call, call.joined():
        await watch.until_seen(call.session, "turn.agent_said", timeout_s=40)
        with pytest.raises(ApiRefused, match="too_many_sessions"):
            async with a_call(live):
                pass
        await call.type("What can you do?")
        yield call


async def _ended_once(live: Ready, data: Path, watch: LogWatch, session: str, customer: str) -> None:
    async with watching(live.nats_url, watch):
        await watch.until_seen(session, *ENDS, timeout_s=END_WITHIN_S)
        await watch.until_seen(session, "session.closed", writer="admission")
    await assert_invariants(live, data, session, seen=watch.commits.values())
    await until_no_slot_is_taken(live, customer)


async def _another_call_works(live: Ready, data: Path) -> None:
    watch = LogWatch()
    async with watching(live.nats_url, watch), a_call(live) as call, call.joined():
        await watch.until_seen(call.session, "turn.agent_said", timeout_s=40)
        await call.type("Goodbye.")
        await watch.until_seen(call.session, "session.ended")
    await assert_invariants(live, data, call.session, seen=watch.commits.values())


async def test_a_job_process_that_is_killed(split: Stack) -> None:
    live, watch = await _customer(split, "job"), LogWatch()
    async with a_call_in_a_turn(live, watch) as call:
        os.kill(await job_process(split, call.session), signal.SIGKILL)
        await _ended_once(live, split.data, watch, call.session, "job")
    assert "session.job_lost" in watch.types(call.session, "admission")
    await _another_call_works(live, split.data)


async def test_a_runtime_worker_that_is_killed_is_started_again(split: Stack) -> None:
    live, watch = await _customer(split, "worker"), LogWatch()
    worker = live.pids["runtime"]
    async with a_call_in_a_turn(live, watch) as call:
        os.kill(worker, signal.SIGKILL)
        await _ended_once(live, split.data, watch, call.session, "worker")
    await until(lambda: split.ready.pids["runtime"] != worker, what="another worker is started", timeout_s=30)
    await _another_call_works(live, split.data)


async def test_when_the_parent_alone_is_killed_nothing_is_left_and_the_next_start_ends_the_session(
    split: Stack,
) -> None:
    live, watch = await _customer(split, "parent"), LogWatch()
    async with a_call_in_a_turn(live, watch) as call:
        split.process.kill()
        split.process.wait(10)
        await until(lambda: split.alive() == [], what="no process is left", timeout_s=GONE_WITHIN_S)
    again = msgspec.structs.replace(split.start(timeout_s=90), api_key=live.api_key, template_id=live.template_id)
    await _ended_once(again, split.data, watch, call.session, "parent")
    await _another_call_works(again, split.data)
