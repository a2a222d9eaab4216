"""Raw TCP servers on loopback, for tests of what is called over HTTP: a canary, and peers that misbehave."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Talk = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
"""Gets the request (head and the body that its length names) and writes what it likes."""


@dataclass
class Listener:
    """`connections` counts everyone who came this far, `requests` what they sent."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@contextlib.asynccontextmanager
async def listening(
    talk: Talk, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    """Serve while the context is open."""
    listener = Listener()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        task.add_done_callback(running.discard)
        listener.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                request = await _request(reader)
                listener.requests.append(request)
                await talk(request, writer)
        finally:
            writer.transport.abort()

    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if host == "::":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((host, 0))
    server = await asyncio.start_server(serve, sock=sock, ssl=tls)
    listener.port = sock.getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def answering(status: str = "200 OK", *, headers: str = "", body: bytes = b"{}") -> Talk:
    """A peer with one answer. `headers` are whole lines with their CRLF."""

    async def talk(_request: bytes, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()
        writer.write(head + body)
        await writer.drain()

    return talk


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)
