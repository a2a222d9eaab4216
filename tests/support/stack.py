"""A whole `baton up` in a process of its own, and the proof that it leaves nothing behind.

Synchronous on purpose: a stack outlives the event loop of a test, so fixtures of any scope can hold one.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from baton import ready
from baton.ready import NotRunning, Ready

START_S = 60.0
STOP_S = 30.0
_POLL_S = 0.05
_MARK = "BATON_TEST_STACK"


class StackFailed(AssertionError):
    """The stack did not start, or left something behind; the message ends with what it printed."""


class Ran(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


class Stack:
    """One run of `baton up` on the data folder `data`. `output` is where its stdout and stderr go."""

    def __init__(
        self,
        data: Path,
        *,
        topology: str = "together",
        scenario: Path | None = None,
        environment: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.data = data
        self.ready_file = data.with_name(data.name + "-ready.json")
        self.output = data.with_name(data.name + "-output.txt")
        self._arguments = ["--topology", topology, *(["--scenario", str(scenario)] if scenario else []), *arguments]
        self._mark = secrets.token_hex(8)
        self._environment = {**os.environ, **(environment or {}), _MARK: self._mark}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running, or ended, `baton up`; its group is its pid."""
        assert self._process is not None, "start() comes first"
        return self._process

    @property
    def ready(self) -> Ready:
        """As the ready file says now: pids change when a service is started again. Raises NotRunning."""
        return ready.read(self.ready_file)

    def start(self, *, timeout_s: float = START_S) -> Ready:
        """Start, and return once everything answers. Raises StackFailed."""
        self.spawn()
        return self.until_ready(timeout_s=timeout_s)

    def spawn(self) -> None:
        """Start, and return at once."""
        self.ready_file.unlink(missing_ok=True)
        self.output.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "baton", "up", "--data", str(self.data), "--ready-file", str(self.ready_file)]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def until_ready(self, *, timeout_s: float = START_S) -> Ready:
        """Wait for the ready file. Raises StackFailed."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with contextlib.suppress(NotRunning):
                return self.ready
            if self.process.poll() is not None:
                raise StackFailed(f"`baton up` exited with status {self.process.returncode}:\n{self.printed()}")
            time.sleep(_POLL_S)
        self.kill()
        raise StackFailed(f"`baton up` was not ready within {timeout_s:g} s:\n{self.printed()}")

    def stop(self, *, timeout_s: float = STOP_S) -> None:
        """Ctrl-C; then nothing of it may be left: no process, no listening port, no ready file. Raises StackFailed."""
        try:
            ports = listening_ports(self.ready)
        except NotRunning:
            ports = []
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise StackFailed(f"`baton up` did not stop within {timeout_s:g} s:\n{self.printed()}") from None
        self._must_be_gone(ports)

    def kill(self) -> None:
        """SIGKILL for the whole group at once, as a crash of the machine would; returns once no process is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        left = self._until_none_alive(5.0)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if left and self._until_none_alive(5.0):
            raise StackFailed(f"processes survive SIGKILL: {left}")

    def printed(self) -> str:
        """Everything that it wrote to stdout and stderr so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def alive(self) -> list[int]:
        """The processes of this stack that run now, however they were started: they carry its mark."""
        mark = f"{_MARK}={self._mark}".encode()
        return [pid for pid in _all_pids() if mark in _environment_of(pid)]

    def _must_be_gone(self, ports: list[int]) -> None:
        left = {pid: _command_of(pid) for pid in self._until_none_alive(5.0)}
        if left:
            self.kill()
            raise StackFailed(f"processes are left behind: {left}\n{self.printed()}")
        if still := [port for port in ports if _answers(port)]:
            raise StackFailed(f"ports still answer: {still}")
        if self.ready_file.exists() or (self.data / ready.NAME).exists():
            raise StackFailed("a ready file is left behind")

    def _until_none_alive(self, timeout_s: float) -> list[int]:
        deadline = time.monotonic() + timeout_s
        while (left := self.alive()) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return left


@contextlib.contextmanager
def a_stack(
    data: Path,
    *,
    topology: str = "together",
    scenario: Path | None = None,
    environment: Mapping[str, str] | None = None,
    arguments: tuple[str, ...] = (),
) -> Iterator[Stack]:
    """A started stack; stopped at the end, with the check that nothing is left behind. Raises StackFailed."""
    stack = Stack(data, topology=topology, scenario=scenario, environment=environment, arguments=arguments)
    try:
        stack.start()
        yield stack
    except BaseException:
        stack.kill()
        raise
    stack.stop()


def listening_ports(live: Ready) -> list[int]:
    """The loopback TCP ports that a running stack answers on."""
    urls = [live.api_url, live.admin_url, live.nats_url, live.postgres_dsn, live.livekit_url, *live.simulators.values()]
    return [port for url in urls if (port := urlsplit(url).port)]


def baton(
    *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> Ran:
    """Run one command of the command line to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "baton", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        timeout=timeout_s,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment_of(pid: int) -> bytes:
    """Empty for a process that is gone, a zombie, or another user's."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
