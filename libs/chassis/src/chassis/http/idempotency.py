"""`Idempotency-Key`: a POST that is sent again acts once, and gets its first answer again.

For handlers with ``opt={"idempotent": True}``. Only answers that say that something was done (2xx) are kept: a
refusal changed nothing, and a fault is worth another try.
"""

import hashlib
import re
from typing import cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPRequestEvent, HTTPScope, Message, Receive, Scope, Send

from chassis.access import LetsIn
from chassis.errors import InvalidInput, Refusal, Unavailable
from chassis.http.callers import caller
from chassis.idempotency import Answer, Answers, Once

log = structlog.get_logger(__name__)

_KEY = re.compile(rb"[!-~]{1,255}\Z")
_KEPT_HEADERS = frozenset({b"content-type", b"etag", b"location"})
_REPLAYED = (b"idempotent-replayed", b"true")


class BadIdempotencyKey(InvalidInput):
    """A key that is empty, too long, or not of visible ASCII."""

    code, title = "invalid_idempotency_key", "An Idempotency-Key has 1 to 255 visible ASCII characters"


class Idempotent:
    """Litestar middleware over `answers`."""

    def __init__(self, app: ASGIApp, *, answers: Answers, access: LetsIn, max_body: int) -> None:
        self._app, self._answers, self._access, self._max_body = app, answers, access, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Act, or answer again; raises KeyReused, StillRunning, BadIdempotencyKey, Unavailable."""
        if scope["type"] != ScopeType.HTTP or not scope["route_handler"].opt.get("idempotent"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        offered = headers.get(b"idempotency-key")
        if offered is None:
            await self._app(scope, receive, send)
            return
        max_body = scope["route_handler"].opt.get("max_body", self._max_body)
        body = await _read(receive, max_body)
        once = self._once(scope, headers, offered, body)
        if once is None or len(body) > max_body:  # refused further in, in the same words as ever
            await self._app(scope, _again(body, receive), send)
        elif (answer := await self._answers.claim(once)) is not None:
            await _give(answer, send)
        else:
            await self._act(once, scope, _again(body, receive), send)

    def _once(self, scope: HTTPScope, headers: dict[bytes, bytes], offered: bytes, body: bytes) -> Once | None:
        """None for a caller who is refused further in: who may not ask gets no answer of another's either."""
        if not _KEY.match(offered):
            raise BadIdempotencyKey
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
        try:
            principal = caller(self._access, told, scope["route_handler"].opt)
        except Refusal:
            return None
        asker = f"{principal.livemode} {principal.role}".encode()
        fingerprint = hashlib.sha256(b"\n".join((asker, scope["query_string"], body))).hexdigest()
        route = f"{scope['method']} {scope['path']}"
        return Once(customer=principal.customer, route=route, key=offered.decode(), fingerprint=fingerprint)

    async def _act(self, once: Once, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold the answer back until it is kept, so that whoever has it can ask for it again."""
        messages: list[Message] = []

        async def hold(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, hold)
        except Exception:
            await self._answers.release(once)
            raise
        answer = _answer(messages)
        try:
            if 200 <= answer.status < 300:
                await self._answers.keep(once, answer)
            else:
                await self._answers.release(once)
        except Unavailable:
            # What was done is done and must be told; a repetition may act again, once the claim has lapsed.
            log.warning("idempotent_answer_not_kept", route=once.route, customer=once.customer)
        for message in messages:
            await send(message)


def _answer(messages: list[Message]) -> Answer:
    status, headers, body = 500, list[tuple[bytes, bytes]](), b""
    for message in messages:
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = [(name, value) for name, value in message["headers"] if name.lower() in _KEPT_HEADERS]
        elif message["type"] == "http.response.body":
            body += message["body"]
    return Answer(status=status, headers=headers, body=body)


async def _give(answer: Answer, send: Send) -> None:
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode()), _REPLAYED]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _read(receive: Receive, most: int) -> bytes:
    """The body, or a little more than `most` of it."""
    body = b""
    while len(body) <= most:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message["body"]
        if not message["more_body"]:
            break
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read, once more, and then what else there is."""
    pending = [body]

    async def receive_again() -> HTTPReceiveMessage:
        if pending:
            return HTTPRequestEvent(type="http.request", body=pending.pop(), more_body=False)
        return cast("HTTPReceiveMessage", await receive())

    return receive_again
