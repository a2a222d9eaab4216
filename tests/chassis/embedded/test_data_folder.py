"""The data folder has one holder, keeps its secrets, and lets nobody open a store beside an orphan."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.sacrifice import a_sacrifice

from chassis.embedded.child import Child
from chassis.embedded.data_folder import DataFolder, FolderInUse
from chassis.embedded.processes import identity

pytestmark = pytest.mark.integration

SLEEP = "import time; time.sleep(60)"
HOLD = """
    import asyncio, sys
    from pathlib import Path
    from chassis.embedded.data_folder import DataFolder

    async def main():
        async with DataFolder(Path(sys.argv[1])):
            print("held", flush=True)
            await asyncio.sleep(60)

    asyncio.run(main())
"""


async def test_a_folder_in_use_is_refused_with_its_holder_in_the_message(tmp_path: Path) -> None:
    async with a_sacrifice(HOLD, str(tmp_path)) as holder:
        with pytest.raises(FolderInUse) as refused:
            await DataFolder(tmp_path).__aenter__()
        assert str(refused.value) == (
            f"the data folder {tmp_path} is in use by process {holder.pid}: stop it, or choose another folder"
        )
        await holder.kill()
        async with DataFolder(tmp_path):
            pass


async def test_secrets_stay_the_same_and_are_closed_to_others(tmp_path: Path) -> None:
    async with DataFolder(tmp_path / "new") as folder:
        first, other = folder.secret("nats"), folder.secret("postgres")
    async with DataFolder(tmp_path / "new") as folder:
        assert folder.secret("nats") == first
    assert first != other
    assert len(first) == 43
    assert (tmp_path / "new" / "secrets.json").stat().st_mode & 0o077 == 0


async def test_an_orphan_of_the_last_run_is_gone_before_the_folder_opens(tmp_path: Path) -> None:
    orphan = Child(name="nats-server", argv=[sys.executable, "-c", SLEEP])
    async with DataFolder(tmp_path) as folder:
        orphan.spawn()
        folder.record(orphan)
    async with DataFolder(tmp_path):
        assert identity(orphan.pid) is None
    assert await orphan.wait() == -signal.SIGTERM


async def test_an_orphan_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    source = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); {SLEEP}"
    orphan = Child(name="stubborn", argv=[sys.executable, "-c", source], log=tmp_path / "log")

    async def deaf() -> bool:
        return "on" in orphan.log_tail()

    async with DataFolder(tmp_path) as folder:
        orphan.spawn()
        folder.record(orphan)
        await orphan.until(deaf, timeout_s=20)
    async with DataFolder(tmp_path):
        assert identity(orphan.pid) is None
    assert await orphan.wait() == -signal.SIGKILL


def a_stranger() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SLEEP])


async def test_a_stranger_that_was_given_an_old_process_id_is_left_alone(tmp_path: Path) -> None:
    ours = Child(name="nats-server", argv=[sys.executable, "-c", SLEEP])
    async with DataFolder(tmp_path) as folder:
        ours.spawn()
        folder.record(ours)
    await ours.stop()
    stranger = a_stranger()
    children = tmp_path / "children.json"
    children.write_text(children.read_text().replace(f'"pid": {ours.pid}', f'"pid": {stranger.pid}'))
    async with DataFolder(tmp_path):
        assert stranger.poll() is None
    stranger.kill()
    stranger.wait(timeout=10)


async def test_a_folder_that_is_not_held_gives_no_secret(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="enter the data folder"):
        DataFolder(tmp_path).secret("nats")


def test_the_identity_of_a_process_that_is_gone_is_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(timeout=10)
    assert identity(process.pid) is None
    assert identity(os.getpid()) == identity(os.getpid())
