"""Typed request/reply on core NATS, in JSON: the few commands that services give one another.

An answer is of the type that the contract names. What went wrong outside the contract (a request that does not
decode, a handler that failed) comes back in a header, as RequestRefused. No content is ever logged.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType, UnionType
from typing import Any, Generic, Self, TypeVar, overload

import msgspec
import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from opentelemetry import propagate, trace

from chassis.nats.connection import Client
from chassis.tasks import stop

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Handler = Callable[[Request], Awaitable[Answer]]

_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer(__name__)
_encode = msgspec.json.Encoder().encode
_REFUSED = "Baton-Refused"
_WAITING = 1024
_CLOSE_S = 5.0


class NoAnswer(Exception):
    """Nobody answered. `nobody` is true when NATS said at once that no one serves the subject.

    Otherwise the request may have been carried out.
    """

    code = "no_answer"

    def __init__(self, subject: str, *, nobody: bool, why: str) -> None:
        super().__init__(f"no answer on {subject}: {why}")
        self.subject, self.nobody = subject, nobody


class RequestRefused(Exception):
    """Someone answered, but not with an answer: `code` is ``invalid_request``, ``failed`` or ``invalid_answer``."""

    def __init__(self, subject: str, code: str) -> None:
        super().__init__(f"{subject}: {code}")
        self.subject, self.code = subject, code


@overload
async def ask(
    client: Client, subject: str, request: object, answer_type: type[Answer], *, timeout_s: float
) -> Answer: ...


@overload
async def ask(client: Client, subject: str, request: object, answer_type: UnionType, *, timeout_s: float) -> Any: ...


async def ask(client: Client, subject: str, request: object, answer_type: Any, *, timeout_s: float) -> Any:
    """Send `request`, wait for the answer. Raises NoAnswer, RequestRefused.

    `answer_type` may be a union of tagged Structs; the type checker cannot say so, so annotate what you get:
    ``answer: LiveAnswer = await ask(…)``.
    """
    headers: dict[str, str] = {}
    propagate.inject(headers)
    try:
        reply = await client.request(subject, _encode(request), timeout=timeout_s, headers=headers or None)
    except nats.errors.NoRespondersError as error:
        raise NoAnswer(subject, nobody=True, why="nobody serves it") from error
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise NoAnswer(subject, nobody=False, why=type(error).__name__) from error
    if code := (reply.headers or {}).get(_REFUSED):
        raise RequestRefused(subject, code)
    try:
        return msgspec.json.decode(reply.data, type=answer_type)
    except msgspec.MsgspecError as error:
        raise RequestRefused(subject, "invalid_answer") from error


class Serving(Generic[Request, Answer]):
    """A served subject; close it, or use it as an async context manager."""

    def __init__(
        self, client: Client, subject: str, request_type: type[Request], handler: Handler[Request, Answer], limit: int
    ) -> None:
        self._client, self._subject, self._handler = client, subject, handler
        self._decode = msgspec.json.Decoder(request_type).decode
        self._slots = asyncio.Semaphore(limit)
        self._running: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None

    async def open(self, queue: str | None) -> None:
        """Subscribe; returns once the server knows of it."""
        self._subscription = await self._client.subscribe(
            self._subject, queue=queue or "", cb=self._receive, pending_msgs_limit=_WAITING
        )
        await self._client.flush(timeout=int(_CLOSE_S))

    async def close(self) -> None:
        """Take no more requests; let the running ones end, within 5 s."""
        if self._subscription is not None and not self._client.is_closed:
            try:
                await self._subscription.unsubscribe()
            except (nats.errors.Error, OSError) as error:
                _log.info("request_unsubscribe_failed", subject=self._subject, error=type(error).__name__)
        if self._running:
            await asyncio.wait(self._running, timeout=_CLOSE_S)
        await stop(*self._running)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _receive(self, message: Msg) -> None:
        """Waits here while all slots are taken; what comes meanwhile waits in the subscription, up to its bound."""
        await self._slots.acquire()
        task = asyncio.create_task(self._answer(message))
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _answer(self, message: Msg) -> None:
        context = propagate.extract(message.headers or {})
        with _tracer.start_as_current_span(f"serve {self._subject.rpartition('.')[0]}", context=context):
            body, refused = await self._handle(message.data)
        try:
            headers = {_REFUSED: refused} if refused else None
            await self._client.publish(message.reply, body, headers=headers)
        except (nats.errors.Error, OSError) as error:
            _log.warning("answer_not_sent", subject=self._subject, error=type(error).__name__)

    async def _handle(self, data: bytes) -> tuple[bytes, str]:
        try:
            request = self._decode(data)
        except msgspec.MsgspecError:
            return b"", "invalid_request"
        try:
            return _encode(await self._handler(request)), ""
        except Exception as error:  # noqa: BLE001 (a boundary: the asker is told, and the next request is served)
            # The type and the place only: a message may quote what was asked.
            _log.error("request_failed", subject=self._subject, error=type(error).__name__, at=_place(error))
            return b"", "failed"


async def serve(
    client: Client,
    subject: str,
    request_type: type[Request],
    handler: Handler[Request, Answer],
    *,
    queue: str | None,
    limit: int = 64,
) -> Serving[Request, Answer]:
    """Answer requests on `subject`, at most `limit` at once; with `queue`, one member of it gets each request."""
    serving = Serving(client, subject, request_type, handler, limit)
    await serving.open(queue)
    return serving


def _place(error: Exception) -> str:
    found = error.__traceback__
    while found is not None and found.tb_next is not None:
        found = found.tb_next
    return f"{found.tb_frame.f_code.co_filename.rpartition('/')[2]}:{found.tb_lineno}" if found else ""
