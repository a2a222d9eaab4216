"""A Python process that a test starts in order to kill it: runs `source`, whose first printed line it gives back.

The source sees `sys.argv[1:]` as the arguments. What it starts is its own to keep; a test that kills it looks at what
remains.
"""

import asyncio
import contextlib
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from dataclasses import dataclass

_FIRST_LINE_S = 60.0


@dataclass(frozen=True)
class Sacrifice:
    pid: int
    line: str
    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        self.process.kill()
        await asyncio.wait_for(self.process.wait(), 10)

    async def kill_group(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)
        await asyncio.wait_for(self.process.wait(), 10)


@contextlib.asynccontextmanager
async def a_sacrifice(source: str, *arguments: str) -> AsyncIterator[Sacrifice]:
    """In a process group of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(source),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), _FIRST_LINE_S)).decode().strip()
        yield Sacrifice(process.pid, line, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
