"""Reads a document in a process of its own, which has bounds on time, memory and everything that it could reach."""

import asyncio
import contextlib
import signal
import sys

import msgspec
import structlog

from chassis.tasks import stop
from config.domain.blocks import Reading, Unread, Unreadable

log = structlog.get_logger()

MEMORY_BYTES = 768 * 1024 * 1024
CPU_S = 30
WALL_S = 90.0
MAX_ANSWER = 32 * 1024 * 1024
"""Bytes of what a reading process says."""

_CHUNK = 64 * 1024
_OUT_OF_TIME = -signal.SIGXCPU


class Reader:
    """Starts a process per document. Time is in seconds."""

    def __init__(self, *, memory_bytes: int = MEMORY_BYTES, cpu_s: int = CPU_S, wall_s: float = WALL_S) -> None:
        self._bounds, self._wall_s = (str(memory_bytes), str(cpu_s)), wall_s

    async def read(self, media_type: str, content: bytes) -> Reading:
        """The document in blocks. Raises Unreadable."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "config.reading", media_type, *self._bounds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"LANG": "C.UTF-8"},
            cwd="/",
        )
        try:
            async with asyncio.timeout(self._wall_s):
                said = await _converse(process, content)
                status = await process.wait()
        except TimeoutError as error:
            raise Unreadable("too_slow") from error
        finally:
            await _end(process)
        return _decoded(said, status)


async def _converse(process: asyncio.subprocess.Process, content: bytes) -> bytes:
    """Give it the document, take its answer; both at once, so that neither waits for the other."""
    assert process.stdin is not None
    assert process.stdout is not None
    giving = asyncio.create_task(_give(process.stdin, content))
    said = bytearray()
    try:
        while part := await process.stdout.read(_CHUNK):
            said += part
            if len(said) > MAX_ANSWER:
                raise Unreadable("too_much_text")
    finally:
        await stop(giving)
    return bytes(said)


async def _give(stdin: asyncio.StreamWriter, content: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # it died; its status says why
        stdin.write(content)
        await stdin.drain()
    stdin.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


def _decoded(said: bytes, status: int) -> Reading:
    if status != 0:
        log.info("document_reader_died", status=status)
        raise Unreadable("too_slow" if status == _OUT_OF_TIME else "not_readable")
    try:
        answer = msgspec.json.decode(said, type=Reading | Unread)
    except msgspec.MsgspecError as error:
        raise Unreadable("not_readable") from error
    if isinstance(answer, Unread):
        raise Unreadable(answer.code)
    return answer
