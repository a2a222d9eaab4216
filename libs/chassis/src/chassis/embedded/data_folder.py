"""The folder in which `baton up` keeps everything: one holder at a time, no orphans of its own, its secrets.

Enter it before any store in it is opened: two nats-servers on one store both acknowledge, and lose (measured).
"""

import asyncio
import fcntl
import json
import os
import secrets
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from chassis.embedded.child import Child
from chassis.embedded.processes import command, identity

_GRACE_S = 3.0
_KILL_S = 15.0
_POLL_S = 0.05
_SECRET_BYTES = 32


class FolderInUse(Exception):
    """Another process holds the folder."""

    def __init__(self, path: Path, holder: str) -> None:
        who = f"process {holder}" if holder else "another process"
        super().__init__(f"the data folder {path} is in use by {who}: stop it, or choose another folder")
        self.path = path
        self.holder = holder


class OrphanLives(Exception):
    """A server left over from the last run could not be ended, so its store must not be opened."""


class DataFolder:
    """Entering makes the folder (mode 0700), locks it, and returns once every server of a killed earlier run is gone.

    Raises FolderInUse, OrphanLives.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._children = self.path / "children.json"
        self._secrets = self.path / "secrets.json"
        self._lock: IO[str] | None = None

    async def __aenter__(self) -> Self:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_lock()
        try:
            await self._end_orphans()
        except BaseException:
            self._give_lock_back()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_lock_back()

    def part(self, name: str) -> Path:
        """The place of one part, such as `nats`; not made yet."""
        return self.path / name

    def record(self, child: Child) -> None:
        """Write down a started child, so that the next run can end it, should it outlive this one."""
        self._must_be_held()
        started = identity(child.pid)
        if started is not None:
            record = {"name": child.name, "pid": child.pid, "started": started, "program": child.program}
            _write(self._children, [*self._recorded(), record])

    def secret(self, name: str) -> str:
        """A random word of 256 bits, safe in a URL (43 characters, base64 without padding); the same one in every
        run.
        """
        self._must_be_held()
        known: dict[str, str] = json.loads(self._secrets.read_text()) if self._secrets.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(_SECRET_BYTES)
            _write(self._secrets, known)
        return known[name]

    def _take_lock(self) -> None:
        # "a": opening must not wipe the holder's pid before we know that we are the holder.
        lock = (self.path / "lock").open("a+")
        try:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            lock.close()
            raise FolderInUse(self.path, holder) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _give_lock_back(self) -> None:
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.close()
            self._lock = None

    async def _end_orphans(self) -> None:
        orphans = [record for record in self._recorded() if _is_alive(record)]
        _signal(orphans, signal.SIGTERM)
        left = await _until_gone(orphans, _GRACE_S)
        _signal(left, signal.SIGKILL)
        left = await _until_gone(left, _KILL_S)
        if left:
            names = ", ".join(f"{record['name']} ({record['pid']})" for record in left)
            raise OrphanLives(f"still running from an earlier start in {self.path}: {names}; end them first")
        _write(self._children, [])

    def _recorded(self) -> list[dict[str, str | int]]:
        recorded: list[dict[str, str | int]] = json.loads(self._children.read_text()) if self._children.exists() else []
        return recorded

    def _must_be_held(self) -> None:
        if self._lock is None:
            raise RuntimeError(f"enter the data folder {self.path} first")


def _is_alive(record: dict[str, str | int]) -> bool:
    pid = int(record["pid"])
    return identity(pid) == record["started"] and str(record["program"]) in command(pid)


def _signal(records: list[dict[str, str | int]], which: signal.Signals) -> None:
    for record in records:
        try:
            os.kill(int(record["pid"]), which)
        except ProcessLookupError:
            continue


async def _until_gone(records: list[dict[str, str | int]], timeout_s: float) -> list[dict[str, str | int]]:
    """Those that are still there when the time is up."""
    deadline = time.monotonic() + timeout_s
    while records and time.monotonic() < deadline:
        records = [record for record in records if _is_alive(record)]
        await asyncio.sleep(_POLL_S if records else 0)
    return records


def _write(path: Path, content: object) -> None:
    """Whole or not at all, and on the disk when it returns: a kill in the middle keeps the old file."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with draft.open("w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
