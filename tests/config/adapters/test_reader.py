"""The process that reads strangers' documents: what it may use, what it cannot reach, and that it always ends."""

import asyncio
import signal
import sys
from typing import Any

import pytest
from tests.support.until import until

from config.adapters.reader import Reader
from config.domain.blocks import Unreadable

pytestmark = pytest.mark.integration

CONFINED = """
import os, socket, sys
from config.reading import limits
limits.confine(memory_bytes=300_000_000, cpu_s=5)
def tried(what):
    try:
        what()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"
print(
    tried(lambda: open("/etc/passwd")),
    tried(socket.socket),
    tried(os.pipe),
    tried(lambda: bytearray(400_000_000)),
)
"""


async def failure(reader: Reader, media_type: str, content: bytes) -> str:
    with pytest.raises(Unreadable) as unreadable:
        await reader.read(media_type, content)
    return unreadable.value.code


async def test_a_document_is_read_in_another_process() -> None:
    reading = await Reader().read("text/markdown", "# Pumpe\n\nTäglich.".encode())
    assert [(block.text, block.heading) for block in reading.blocks] == [("Täglich.", ("Pumpe",))]


async def test_one_that_takes_too_long_or_too_much_memory_is_given_up() -> None:
    slow = b"- a\n" * 200_000
    assert await failure(Reader(cpu_s=1), "text/markdown", slow) == "too_slow"
    assert await failure(Reader(wall_s=0.3), "text/markdown", slow) == "too_slow"
    assert await failure(Reader(memory_bytes=120_000_000), "text/markdown", slow) in ("too_much_memory", "not_readable")


async def test_the_process_is_gone_when_its_reader_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def noted(*arguments: Any, **more: Any) -> asyncio.subprocess.Process:
        started.append(await start(*arguments, **more))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    reading = asyncio.create_task(Reader().read("text/markdown", b"- a\n" * 200_000))

    async def begun() -> bool:
        return bool(started)

    await until(begun, what="the process is there")
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert started[0].returncode == -signal.SIGKILL


async def test_it_can_open_no_file_no_socket_and_no_pipe_and_take_no_more_memory() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", CONFINED), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(process.communicate(), 20)
    assert said.decode().split() == ["OSError", "OSError", "OSError", "MemoryError"]
