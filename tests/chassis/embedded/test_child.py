"""A child process starts, says why when it does not, stops within its bound, and dies with its parent."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest
from tests.support.sacrifice import a_sacrifice
from tests.support.until import until

from chassis.embedded.child import Child, StartFailed
from chassis.embedded.processes import identity

pytestmark = pytest.mark.integration

PARENT = """
    import sys, time
    from chassis.embedded.child import Child

    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = Child(name="child", argv=sleep, own_group=sys.argv[1] == "True")
    child.spawn()
    print(child.pid, flush=True)
    time.sleep(60)
"""
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
)


def a_child(source: str, log: Path | None = None, stop_grace_s: float = 5.0) -> Child:
    return Child(name="child", argv=[sys.executable, "-c", source], log=log, stop_grace_s=stop_grace_s)


async def never() -> bool:
    return False


async def test_a_child_that_exits_before_it_answers_is_reported_with_its_last_words(tmp_path: Path) -> None:
    child = a_child("raise SystemExit('the disk is full')", tmp_path / "log")
    child.spawn()
    with pytest.raises(StartFailed, match=r"exited with status 1.*the disk is full"):
        await child.until(never, timeout_s=20)


async def test_a_child_that_never_answers_is_given_up_in_time() -> None:
    child = a_child("import time; time.sleep(60)")
    child.spawn()
    with pytest.raises(StartFailed, match=r"did not answer within 0\.2 s"):
        await child.until(never, timeout_s=0.2)
    await child.stop()
    assert not child.running


async def test_a_child_that_ignores_the_request_to_stop_is_killed_after_the_grace(tmp_path: Path) -> None:
    child = a_child(IGNORES_SIGTERM, tmp_path / "log", stop_grace_s=0.3)
    child.spawn()
    await until(lambda: "on" in child.log_tail(), what="the child ignores SIGTERM")
    began = time.monotonic()
    await child.stop()
    assert await child.wait() == -signal.SIGKILL
    assert time.monotonic() - began < 3


async def test_stopping_twice_or_before_the_start_changes_nothing() -> None:
    child = a_child("import time; time.sleep(60)")
    await child.stop()
    child.spawn()
    await child.stop()
    await child.stop()
    assert await child.wait() == -signal.SIGTERM


async def test_a_program_that_is_not_there_is_reported(tmp_path: Path) -> None:
    child = Child(name="ghost", argv=["/nowhere/ghost"], log=tmp_path / "log")
    child.spawn()
    with pytest.raises(StartFailed, match=r"cannot start.*ghost.*No such file"):
        await child.until(never, timeout_s=20)


async def test_a_thread_may_not_start_a_child_because_it_would_die_with_the_thread() -> None:
    with pytest.raises(RuntimeError, match="main thread"):
        await asyncio.to_thread(a_child("pass").spawn)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties the life of a child to its parent's")
@pytest.mark.parametrize("own_group", [False, True])
async def test_a_child_dies_with_a_parent_that_was_killed_alone(own_group: bool) -> None:
    async with a_sacrifice(PARENT, str(own_group)) as parent:
        child = int(parent.line)
        assert identity(child) is not None
        await parent.kill()
        await until(lambda: identity(child) is None, what="the child is gone")
