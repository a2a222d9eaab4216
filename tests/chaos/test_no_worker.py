"""Nobody can serve a session at first; then a worker comes, and dies, and another comes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.invariants import assert_invariants
from tests.support.live_calls import a_call, a_customer, until_no_slot_is_taken
from tests.support.log_watch import LogWatch, watching
from tests.support.stack import Stack, a_stack
from tests.support.until import until

from chassis.embedded.ports import free_ports
from contracts.template_version import Limits

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-worker")]

SERVED_WITHIN_S = 5.0
LOST_WITHIN_S = 30.0


@pytest.fixture(scope="module")
def lacking(livekit_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything but a runtime."""
    folder = tmp_path_factory.mktemp("no-worker")
    with a_stack(folder / "data", arguments=("--without", "runtime")) as running:
        yield running


class Worker:
    """`baton run runtime` beside the stack, in a group of its own."""

    def __init__(self, data: Path) -> None:
        (port,) = free_ports(1)
        self._url = f"http://127.0.0.1:{port}/readyz"
        with (data / "logs" / "runtime.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "baton", "run", "runtime", "--data", str(data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "BATON_PORT": str(port)},
                start_new_session=True,
            )

    def registered(self) -> bool:
        """Whether LiveKit would send it jobs."""
        try:
            with urllib.request.urlopen(self._url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """SIGKILL for the worker alone, not for its jobs."""
        self.process.kill()
        self.process.wait(10)

    def end(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@contextlib.contextmanager
def a_worker(stack: Stack) -> Iterator[Worker]:
    worker = Worker(stack.data)
    try:
        yield worker
    finally:
        worker.end()


async def test_a_worker_that_comes_late_serves_whoever_waits_and_its_death_ends_the_session(lacking: Stack) -> None:
    live = await a_customer(lacking.ready, lacking.data, "waiting", max_sessions=1, limits=Limits(join_timeout_s=120))
    watch = LogWatch()
    async with watching(live.nats_url, watch), a_call(live) as call, call.joined() as page:
        came: list[str] = []
        page.room.on("participant_connected", lambda who: came.append(who.identity))
        await watch.until_seen(call.session, "session.participant_joined", writer="admission")
        with a_worker(lacking) as worker:
            await until(worker.registered, what="the worker is registered", timeout_s=60)
            registered = time.monotonic()
            await until(lambda: len(came) == 1, what="an agent is in the room", timeout_s=SERVED_WITHIN_S)
            await watch.until_seen(call.session, "turn.agent_said")
            await until(lambda: time.monotonic() - registered > SERVED_WITHIN_S, what="the reconciler has looked again")
            assert [one.identity for one in call.agents()] == came
            assert watch.types(call.session).count("session.job_claimed") == 1
            worker.kill()
            await watch.until_seen(call.session, "session.ended", "session.failed", timeout_s=LOST_WITHIN_S)
        await call.api.until_status(call.session, "closed", timeout_s=20)
    await until_no_slot_is_taken(live, "waiting")
    await assert_invariants(live, lacking.data, call.session, seen=watch.commits.values())
    with a_worker(lacking) as another:
        await until(another.registered, what="the next worker is registered", timeout_s=60)
        async with watching(live.nats_url, watch), a_call(live) as following, following.joined():
            await watch.until_seen(following.session, "turn.agent_said")
            await following.type("Goodbye.")
            await watch.until_seen(following.session, "session.ended")
        await assert_invariants(live, lacking.data, following.session, seen=watch.commits.values())
