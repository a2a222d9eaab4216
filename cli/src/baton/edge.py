"""One public origin: which service answers which path, in one process or over HTTP.

The same table is written as an HTTPRoute in infra/k8s; a test holds them against each other.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

import httpx
import msgspec

from baton import openapi
from chassis.http.problems import Problem
from chassis.service import Asgi
from chassis.tasks import stop
from config.domain.uploads import MAX_BYTES

ROUTES: list[tuple[str, str]] = [
    (r"/api/session(/.*)?", "gateway"),
    (r"/api/sessions(/[^/]+(/(live|log))?)?", "gateway"),
    (r"/(webhooks/.*|api/webhooks(/.*)?)", "gateway"),
    (r"/api/(agents|templates|keys|models|tools|panel-kinds|mcp-servers)(/.*)?", "config"),
    (r"/api/(provider-credentials|audit|knowledge)(/.*)?", "config"),
    (r"/api/(price-books|limits)(/.*)?", "config"),
    (r"/api/(auth|members|invitations)(/.*)?", "config"),
    (r"/api/sessions/[^/]+/panels(/.*)?", "panel-bridge"),
    (r"/api/(sessions|ledger)(/.*)?", "ledger"),
    (r"/(livez|readyz|api/openapi\.json)", "gateway"),
]
"""First match wins."""

_compiled = [(re.compile(pattern + r"\Z"), service) for pattern, service in ROUTES]
_HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"te", b"trailer", b"upgrade", b"host"})
_MAX_BODY = 1024 * 1024
_LONGER = {"/api/knowledge/documents": MAX_BYTES}
"""Paths that take longer bodies than others."""

_LAST_MOMENT_S = 0.5


def service_of(path: str) -> str | None:
    """The service that answers `path`, or None."""
    return next((service for pattern, service in _compiled if pattern.match(path)), None)


def together(apps: Mapping[str, Asgi]) -> Asgi:
    """An application that hands each request to the service in this process."""

    document = ApiDocument(partial(_from_app, apps), names=lambda: apps.keys())

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == openapi.PATH:
            await document(scope, receive, send)
            return
        service = service_of(scope["path"])
        if service is None:
            await _problem(send, 404, "not_found", "No such path", scope["path"])
            return
        if service not in apps:
            await _problem(send, 503, "unavailable", "The service does not run here", scope["path"])
            return
        await apps[service](scope, receive, send)

    return app


def apart(urls: Mapping[str, str], client: httpx.AsyncClient) -> Asgi:
    """An application that forwards each request to the service's own process; `urls` may change as they restart."""

    document = ApiDocument(partial(_from_url, urls, client), names=lambda: urls.keys())

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == openapi.PATH:
            await document(scope, receive, send)
            return
        service = service_of(scope["path"])
        if service is None:
            await _problem(send, 404, "not_found", "No such path", scope["path"])
            return
        if (url := urls.get(service)) is None:
            await _problem(send, 503, "unavailable", "The service does not run here", scope["path"])
            return
        body = await _body(receive, _LONGER.get(scope["path"], _MAX_BODY))
        if body is None:
            await _problem(send, 413, "too_large", "The body is too large", scope["path"])
            return
        answered = False

        async def send_on(message: dict[str, Any]) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await _while_wanted(_forward(client, url, scope, body, send_on), receive)
        except httpx.TransportError:
            if answered:
                raise
            await _problem(send, 503, "unavailable", "The service is out of reach", scope["path"])

    return app


class ApiDocument:
    """Answers GET at `openapi.PATH` with the document of all services that run here, made at the first question."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]], *, names: Callable[[], Iterable[str]]) -> None:
        self._fetch, self._names = fetch, names
        self._made: dict[frozenset[str], bytes] = {}

    async def __call__(self, scope: dict[str, Any], _receive: Any, send: Any) -> None:
        """Raises nothing: a service that is out of reach is a 503."""
        if scope["method"] != "GET":
            await _problem(send, 405, "method_not_allowed", "Only GET is answered here", scope["path"])
            return
        names = frozenset(self._names()) & set(openapi.SERVICES)
        try:
            document = self._made.get(names) or await self._merged(names)
        except httpx.HTTPError:
            await _problem(send, 503, "unavailable", "A service is out of reach", scope["path"])
            return
        self._made = {names: document}
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": document})

    async def _merged(self, names: frozenset[str]) -> bytes:
        return openapi.render(openapi.merge({name: msgspec.json.decode(await self._fetch(name)) for name in names}))


async def _from_app(apps: Mapping[str, Asgi], name: str) -> bytes:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(apps[name])) as client:
        return await _from_url({name: "http://service"}, client, name)


async def _from_url(urls: Mapping[str, str], client: httpx.AsyncClient, name: str) -> bytes:
    answer = await client.get(f"{urls[name]}/schema/openapi.json")
    return answer.raise_for_status().content


async def _while_wanted(forwarding: Coroutine[Any, Any, None], receive: Any) -> None:
    """Until the answer is whole or the client has gone: a stream that nobody reads may never end by itself."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.create_task(forwarding), asyncio.create_task(gone())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        # An answer that was sent whole looks like a client that has gone: let it give its connection back.
        await asyncio.wait(tasks[:1], timeout=_LAST_MOMENT_S)
    finally:
        await stop(*tasks)
    if not tasks[0].cancelled():
        tasks[0].result()


async def _forward(client: httpx.AsyncClient, url: str, scope: dict[str, Any], body: bytes, send: Any) -> None:
    query = scope["query_string"].decode()
    target = f"{url}{scope['raw_path'].decode()}" + (f"?{query}" if query else "")
    headers = [header for header in scope["headers"] if header[0] not in _HOP]
    async with client.stream(scope["method"], target, headers=headers, content=body) as answer:
        kept = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in _HOP]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        async for chunk in answer.aiter_raw():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _body(receive: Any, most: int) -> bytes | None:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if sum(map(len, parts)) > most:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


async def _problem(send: Any, status: int, code: str, title: str, path: str) -> None:
    problem = Problem(
        type=f"https://baton.dev/problems/{code}",
        title=title,
        status=status,
        detail=title,
        code=code,
        instance=path,
        retryable=status == 503,
    )
    headers = [(b"content-type", b"application/problem+json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(problem)})
