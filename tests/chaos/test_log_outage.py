"""NATS stands still for five seconds in the middle of a call."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator

import pytest
from tests.support.invariants import assert_invariants
from tests.support.live_calls import a_call, a_customer
from tests.support.log_watch import LogWatch, watching
from tests.support.stack import Stack

from contracts.template_version import Limits

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-calls")]

OUTAGE_S = 5.0
"""At least; it lasts until the agent has replied, however long that takes."""


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process neither runs nor dies while open."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_the_conversation_goes_on_without_the_log_and_all_of_it_is_recorded(stack: Stack) -> None:
    live = await a_customer(stack.ready, stack.data, "patient", max_sessions=1, limits=Limits())
    watch = LogWatch()
    async with watching(live.nats_url, watch), a_call(live) as call, call.joined() as page:
        await watch.until_seen(call.session, "turn.agent_said")
        await page.hearing.next_burst(0, timeout_s=10)
        recorded = len(watch.events(call.session))
        with stopped(live.pids["nats"]):
            began = time.monotonic()
            await call.type("What can you do?")
            await page.hearing.next_burst(1, timeout_s=30)
            await call.type("And what else?")
            await asyncio.sleep(max(0.5, OUTAGE_S - (time.monotonic() - began)))
            assert len(watch.events(call.session)) == recorded
        await watch.until_seen(call.session, "turn.user_said", times=2)
        await watch.until_seen(call.session, "turn.agent_said", times=3)
        await call.type("Goodbye.")
        await watch.until_seen(call.session, "session.ended")
    assert watch.types(call.session, "admission").count("session.job_lost") == 0
    assert "session.resumed" not in watch.types(call.session)
    await assert_invariants(live, stack.data, call.session, seen=watch.commits.values())
