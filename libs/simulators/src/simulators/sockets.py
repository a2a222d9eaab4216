"""The sockets that are open, so that stopping the simulators closes them. It must never outlive them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import WSCloseCode, web

CLOSE_TIMEOUT_S = 1.0


class Sockets:
    """Holds each socket while its handler runs."""

    def __init__(self) -> None:
        self._open: set[web.WebSocketResponse] = set()

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def holding(self, socket: web.WebSocketResponse) -> Iterator[None]:
        """Counts the socket as open within the block."""
        self._open.add(socket)
        try:
            yield
        finally:
            self._open.discard(socket)

    async def close(self) -> None:
        """Close all of them, giving each client CLOSE_TIMEOUT_S to agree."""
        closing = [asyncio.wait_for(self._close(socket), CLOSE_TIMEOUT_S) for socket in tuple(self._open)]
        await asyncio.gather(*closing, return_exceptions=True)

    async def _close(self, socket: web.WebSocketResponse) -> None:
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the simulator stops")
