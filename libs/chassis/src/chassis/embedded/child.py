"""One child process: started, waited for until it answers, stopped within a bound.

It dies with us even when we are killed with SIGKILL (Linux, see launch.py), stays in our process group, and never
shares our terminal's input. Start it from the main thread: the kernel ties the child to the *thread* that forked it.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_LAUNCH = Path(__file__).with_name("launch.py")
_POLL_S = 0.02
_TAIL_BYTES = 2_000


class StartFailed(Exception):
    """A server did not come up; the message ends with the last lines of its log."""


class Child:
    """`argv[0]` is an absolute path. `log` is appended to; None discards the output. `user` is (uid, gid), for root
    only.

    `own_group` keeps the terminal's Ctrl-C away from the child, so that its parent can stop its children in order.
    """

    def __init__(
        self,
        *,
        name: str,
        argv: Sequence[str],
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: tuple[int, int] | None = None,
        own_group: bool = False,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_grace_s: float = 10.0,
    ) -> None:
        self.name = name
        self._argv = list(argv)
        self._log = log
        self._environment = environment
        self._folder = folder
        self._user = user
        self._own_group = own_group
        self._stop_signal = stop_signal
        self._stop_grace_s = stop_grace_s
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Raises RuntimeError before `spawn`."""
        return self._started.pid

    @property
    def program(self) -> str:
        return self._argv[0]

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def spawn(self) -> None:
        """Returns at once; the server is not ready yet. Raises RuntimeError outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(f"start {self.name} from the main thread: it would die with this one")
        uid, gid = ("-", "-") if self._user is None else self._user
        bridge = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(uid), str(gid), "--"]
        output = self._open_log()
        try:
            self._process = subprocess.Popen(
                bridge + self._argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if self._environment is None else dict(self._environment),
                cwd=self._folder,
                process_group=0 if self._own_group else None,
            )
        finally:
            if not isinstance(output, int):
                output.close()

    async def until(self, answers: Callable[[], Awaitable[bool]], *, timeout_s: float) -> None:
        """Wait until `answers()` is true. Raises StartFailed when the child exits or the time is up."""
        deadline = time.monotonic() + timeout_s
        while not await answers():
            if not self.running:
                raise StartFailed(f"{self.name} exited with status {self._started.returncode}. {self.log_tail()}")
            if time.monotonic() > deadline:
                raise StartFailed(f"{self.name} did not answer within {timeout_s:g} s. {self.log_tail()}")
            await asyncio.sleep(_POLL_S)

    async def wait(self, *, poll_s: float = 0.1) -> int:
        """The exit status, once it has exited (negative: the signal). Unbounded by nature: the caller owns the task."""
        while self.running:  # noqa: ASYNC110 (Popen has no event to wait for; a pidfd would be Linux only)
            await asyncio.sleep(poll_s)
        return int(self._started.returncode)

    async def stop(self) -> None:
        """Ask, wait up to the grace, then kill. Does nothing to a child that is gone already."""
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(self._stop_signal)
            try:
                await asyncio.wait_for(self.wait(poll_s=_POLL_S), self._stop_grace_s)
            except TimeoutError:
                self.kill()
            except asyncio.CancelledError:
                self.kill()  # whoever is in a hurry still leaves nothing behind
                raise

    def kill(self) -> None:
        """SIGKILL, and wait for the corpse (immediate: the kernel does not ask)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)

    def log_tail(self) -> str:
        if self._log is None or not self._log.exists():
            return ""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace").strip()

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process

    def _open_log(self) -> int | IO[bytes]:
        if self._log is None:
            return subprocess.DEVNULL
        self._log.parent.mkdir(parents=True, exist_ok=True)
        return self._log.open("ab")
