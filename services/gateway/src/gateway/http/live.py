"""/api/sessions/{id}/live: what happens in a session, as server-sent events (HTML Living Standard, 9.2)."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, get
from litestar.background_tasks import BackgroundTask, BackgroundTasks
from litestar.enums import MediaType
from litestar.params import HeaderParameter
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Message, Receive, Send

from chassis.http.app import Caller, PathId
from chassis.http.parameters import BadPosition, position
from chassis.postgres.faults import PositionOfAnotherLog
from contracts.ids import SessionId
from contracts.opened_event import OpenedEvent
from gateway.handlers.live_events import Beat, End, LiveEvents, Told, TooManyWatchers, Watch
from gateway.http.asking import TellsLive
from gateway.http.sessions import NoSuchSession

log = structlog.get_logger(__name__)

EVENT_STREAM = "text/event-stream"
SLOW_S = 20.0
"""How long a client may read nothing while something waits for it, before its connection is let go."""
_RETRY_MS = 2000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

LastEventId = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="The `id` of the last event that was seen")
]


@get(
    "/api/sessions/{session_id:str}/live",
    opt={
        "scope": "sessions:read",
        "refuses": (NoSuchSession, BadPosition, PositionOfAnotherLog, TooManyWatchers),
    },
    media_type=EVENT_STREAM,
)
async def watch_session(
    session_id: PathId, principal: Caller, live: TellsLive, last_event_id: LastEventId = None
) -> Stream:
    """What happens in a session, as server-sent events: from its beginning, or after the event `Last-Event-ID`.

    `event` is the type, `id` the position, `data` the event with its personal part opened. A comment comes every ten
    seconds when nothing happens. After `session.closed` an event `end` follows and the stream is over; one that ends
    without it is to be asked for again. Clients that do not read are let go.
    """
    after = position(last_event_id or None, name="Last-Event-ID")
    watch = await live.find(principal.customer, SessionId(session_id), after)
    if watch is None:
        raise NoSuchSession
    live.enter(principal.customer)
    return LiveStream(_frames(live, watch), left=lambda: live.leave(principal.customer))


async def _frames(live: LiveEvents, watch: Watch) -> AsyncGenerator[bytes, None]:
    yield f"retry: {_RETRY_MS}\n\n".encode()
    async for told in live.told(watch):
        yield frame(told)


def frame(told: Told) -> bytes:
    """One event of the stream."""
    match told:
        case OpenedEvent():
            # No line may end inside `data`: what a commit holds between its values is only space.
            content = msgspec.json.encode(told).replace(b"\n", b"").replace(b"\r", b"")
            return b"id: %b\nevent: %b\ndata: %b\n\n" % (told.position.encode(), told.type.encode(), content)
        case End():
            return b"id: %b\nevent: end\ndata: %b\n\n" % (told.position.encode(), msgspec.json.encode(told))
        case Beat():
            return b": nothing happened\n\n"


class LiveStream(Stream):
    """A stream that lets go of a client which reads too slowly, and says when it is over: `left` is called once."""

    def __init__(
        self, frames: AsyncGenerator[bytes, None], *, left: Callable[[], None], slow_s: float = SLOW_S
    ) -> None:
        super().__init__(frames, media_type=EVENT_STREAM, headers=_HEADERS)
        self._frames, self._left, self._slow_s = frames, left, slow_s

    def to_asgi_response(
        self,
        app: Any,
        request: Request[Any, Any, Any],
        *,
        background: BackgroundTask | BackgroundTasks | None = None,
        cookies: Iterable[Any] | None = None,
        encoded_headers: Iterable[tuple[bytes, bytes]] | None = None,
        headers: dict[str, str] | None = None,
        is_head_response: bool = False,
        media_type: MediaType | str | None = None,
        status_code: int | None = None,
        type_encoders: Any = None,
    ) -> ASGIResponse:
        """See Stream."""
        return _LiveResponse(
            self._frames,
            left=self._left,
            slow_s=self._slow_s,
            headers={**(headers or {}), **self.headers},
            media_type=EVENT_STREAM,
            status_code=self.status_code or status_code,
        )


class _LiveResponse(ASGIStreamingResponse):
    def __init__(
        self, frames: AsyncGenerator[bytes, None], *, left: Callable[[], None], slow_s: float, **more: Any
    ) -> None:
        super().__init__(iterator=frames, **more)
        self._frames, self._left, self._slow_s = frames, left, slow_s

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Each frame within the bound; past it the connection closes unfinished, and the client comes again."""

        async def within_bound(message: Message) -> None:
            async with asyncio.timeout(self._slow_s):
                await send(message)

        try:
            async with contextlib.aclosing(self._frames):
                await super().send_body(within_bound, receive)
        except* TimeoutError:
            log.info("live_client_too_slow")
        finally:
            self._left()


ROUTES = [watch_session]
