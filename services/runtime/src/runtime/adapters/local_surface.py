"""The participant's side in this process, for sessions without a room: the same messages, through the same JSON.

The page is whatever object the caller gives: a test's, or the demo's Panel Manager.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from contracts.panels import wire
from runtime.domain.panel_decisions import BadEvent
from runtime.surface import SurfaceListener, SurfaceSilent

Page = Callable[[str, bytes], Awaitable[bytes]]
"""Answers an RPC: method and request in, answer out, both JSON (contracts.panels.wire)."""

CALL_S = 10.0


class LocalSurface:
    """The port `runtime.surface.Surface`, over one page. The participant is there from the start, until `leave`."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._listener: SurfaceListener | None = None
        self._present = True
        self.acked = 0
        """The highest `seq` that was acknowledged to the page."""

    @property
    def present(self) -> bool:
        """See the port."""
        return self._present

    def listen(self, listener: SurfaceListener) -> None:
        """See the port."""
        self._listener = listener
        if self._present:
            listener.joined()

    async def call(self, method: str, request: wire.PanelRequest) -> wire.PanelAnswer:
        """See the port."""
        try:
            async with asyncio.timeout(CALL_S):
                answer = await self._page(method, msgspec.json.encode(request))
        except TimeoutError:
            raise SurfaceSilent(f"no answer within {CALL_S:g} s") from None
        return msgspec.json.decode(answer, type=wire.PanelAnswer)

    def send_ack(self, seq: int) -> None:
        """See the port."""
        self.acked = max(self.acked, seq)

    def start_options(self) -> dict[str, Any]:
        """See the port: text needs nothing."""
        return {}

    # The page's side

    def emit(self, event: bytes) -> None:
        """An event as the page would send it."""
        assert self._listener is not None
        self._listener.panel_event(read_event(event))

    async def sync(self, held: wire.PanelSync) -> wire.PanelSyncAnswer:
        """The page asks what it lacks."""
        assert self._listener is not None
        return await self._listener.panel_sync(held)

    def leave(self) -> None:
        """The participant goes."""
        self._present = False
        if self._listener is not None:
            self._listener.left()

    def return_(self) -> None:
        """The participant is back."""
        self._present = True
        if self._listener is not None:
            self._listener.joined()


class _Numbered(msgspec.Struct):
    seq: int
    panel: str = ""


def read_event(message: bytes) -> wire.PanelEvent | BadEvent:
    """A message on the event topic; a malformed one keeps its number, so that the count goes on."""
    if len(message) > wire.MAX_BODY_BYTES:
        return BadEvent(seq=0, why="too_large")
    try:
        return msgspec.json.decode(message, type=wire.PanelEvent)
    except msgspec.MsgspecError:
        pass
    try:
        numbered = msgspec.json.decode(message, type=_Numbered)
    except msgspec.MsgspecError:
        return BadEvent(seq=0)
    return BadEvent(seq=max(0, numbered.seq), panel=numbered.panel[:64])
