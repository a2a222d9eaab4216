"""One span per request, under the caller's `traceparent`, and a request id that comes back."""

import re
from uuid import uuid4

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from chassis.telemetry.tracing import continued

ANSWER_HEADERS = "answer_headers"
"""In a request's state: more headers of its answer, whatever the answer is."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}\Z")


def traced(app: ASGIApp) -> ASGIApp:
    """Litestar middleware: takes `X-Request-Id` and `traceparent`, gives them to the request and back."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        offered = headers.get(b"x-request-id", b"")
        request_id = offered.decode() if _REQUEST_ID.match(offered) else str(uuid4())
        scope["state"]["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [header for header in message["headers"] if header[0].lower() != b"x-request-id"]
                told = scope["state"].get(ANSWER_HEADERS, [])
                message["headers"] = [*others, (b"x-request-id", request_id.encode()), *told]
            await send(message)

        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            continued(headers.get(b"traceparent", b"").decode("latin-1"), f"{scope['method']} request") as span,
        ):
            span.set_attribute("url.path", scope["path"])
            await app(scope, receive, send_with_id)

    return middleware
