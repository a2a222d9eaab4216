"""A lean HTTP client for a burst of requests over kept connections: it must cost less than what it measures.

httpx costs more per request than a server that only mints a token does; so this speaks just enough HTTP/1.1 to read
answers that carry a Content-Length, and it says what share of a core it took itself.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence

import msgspec

_BURST_S = 60.0
_LENGTH = b"content-length: "


class BadAnswer(Exception):
    """An answer that is not 2xx, or none that this client can read."""


class Burst(msgspec.Struct, frozen=True, kw_only=True):
    """What a burst of requests brought. `client_share`: of one core, spent in this process."""

    bodies: list[bytes]
    latencies_s: list[float]
    elapsed_s: float
    client_share: float

    @property
    def per_second(self) -> float:
        """Answered requests per second."""
        return len(self.bodies) / self.elapsed_s

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of the answers' latencies, in milliseconds."""
        return statistics.quantiles(self.latencies_s, n=100)[98] * 1000


def post(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A request as it goes over the wire."""
    fields = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def burst(port: int, requests: Sequence[bytes], *, connections: int) -> Burst:
    """Send all, with one in flight per connection. Raises BadAnswer, OSError, TimeoutError."""
    found = Burst(bodies=[], latencies_s=[], elapsed_s=0, client_share=0)
    waiting = iter(requests)
    async with asyncio.timeout(_BURST_S):
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(min(connections, len(requests)))]
        try:
            started, spent = time.perf_counter(), time.process_time()
            async with asyncio.TaskGroup() as tasks:
                for reader, writer in lines:
                    tasks.create_task(_send(reader, writer, waiting, found))
            elapsed_s, spent = time.perf_counter() - started, time.process_time() - spent
        finally:
            for _, writer in lines:
                writer.close()
    return msgspec.structs.replace(found, elapsed_s=elapsed_s, client_share=spent / elapsed_s)


async def _send(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, waiting: Iterator[bytes], found: Burst
) -> None:
    for request in waiting:
        sent = time.perf_counter()
        writer.write(request)
        found.bodies.append(await _answer(reader))
        found.latencies_s.append(time.perf_counter() - sent)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    at = head.lower().find(_LENGTH)
    if at < 0:
        raise BadAnswer("an answer without Content-Length")
    body = await reader.readexactly(int(head[at + len(_LENGTH) : head.index(b"\r", at)]))
    if not head.startswith(b"HTTP/1.1 2"):
        raise BadAnswer(f"{head[:40].decode().splitlines()[0]}: {body[:300].decode()}")
    return body
