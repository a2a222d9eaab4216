"""The spill files of this machine: each worker has a folder of its own, and takes over those of dead workers.

A folder is a worker's as long as it holds the lock in it; the kernel drops the lock with the process, however it ends.
"""

import asyncio
import contextlib
import fcntl
from pathlib import Path
from typing import BinaryIO

import structlog

from chassis.event_log import EventLog, LogFault
from chassis.ids import new_id
from chassis.spill import SpillBroken, publish_spill
from runtime.serving import SPILL_SUFFIX

log = structlog.get_logger()

_LOCK = "lock"
_ATTEMPTS = 5
_AGAIN_S = 1.0


class SpillFolder:
    """This worker's folder below `root`, locked while open."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.path = root / new_id("worker")
        self._lock: BinaryIO | None = None

    def open(self) -> None:
        """Make the folder and lock it."""
        self.path.mkdir(parents=True, mode=0o700)
        self._lock = _locked(self.path)
        assert self._lock is not None

    def close(self) -> None:
        """Let go of it; it is removed when nothing is left in it."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                if not list(self.path.glob(f"*{SPILL_SUFFIX}")):
                    (self.path / _LOCK).unlink()
                    self.path.rmdir()
            self._lock.close()
            self._lock = None

    async def publish_leftovers(self, event_log: EventLog) -> None:
        """What workers that are gone left behind, below the same root."""
        for folder in sorted(self._root.iterdir()):
            if folder == self.path or not folder.is_dir() or (held := _locked(folder)) is None:
                continue
            with held:
                for path in sorted(folder.glob(f"*{SPILL_SUFFIX}")):
                    await publish(event_log, path)
                if not list(folder.glob(f"*{SPILL_SUFFIX}")):
                    for rest in folder.iterdir():
                        rest.unlink()
                    folder.rmdir()


async def publish(event_log: EventLog, path: Path) -> bool:
    """Append what the log lacks of a dead job's spill and remove the file; False while that could not be done."""
    for attempt in range(_ATTEMPTS):
        try:
            published = await publish_spill(event_log, path)
        except FileNotFoundError:
            return True
        except SpillBroken:
            log.warning("spill_unreadable", file=path.name)
            return False
        except (LogFault, OSError) as fault:
            log.warning("spill_not_published", file=path.name, attempt=attempt, fault=type(fault).__name__)
            await asyncio.sleep(_AGAIN_S)
        else:
            log.info("spill_brought_back", file=path.name, appended=published.appended, late=published.late)
            await asyncio.to_thread(path.unlink, missing_ok=True)
            return True
    return False


def _locked(folder: Path) -> BinaryIO | None:
    file = (folder / _LOCK).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
