"""Baton's REST API as a customer uses it: only what the demo and the command line need."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from baton.ready import Ready

_TIMEOUT_S = 20.0
_POLL_S = 0.05


class ApiRefused(Exception):
    """The API answered with a problem; the message is its code and detail."""


class Api:
    """Calls with the API key of a running Baton. Raises ApiRefused, and httpx.HTTPError when out of reach."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """A JSON answer."""
        answer: dict[str, Any] = _checked(await self._client.get(path, params=query)).json()
        return answer

    async def entity(self, path: str) -> tuple[dict[str, Any] | None, str]:
        """A JSON answer and its ETag, empty where it has none; (None, "") where there is no such thing."""
        answer = await self._client.get(path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None, ""
        found: dict[str, Any] = _checked(answer).json()
        return found, answer.headers.get("etag", "")

    async def put(self, path: str, body: object, *, etag: str = "") -> dict[str, Any]:
        """Write a thing whole; with an ETag, only while it is as it was read."""
        headers = {"If-Match": etag} if etag else {}
        answer: dict[str, Any] = _checked(await self._client.put(path, json=body, headers=headers)).json()
        return answer

    async def delete(self, path: str) -> None:
        """End a thing."""
        _checked(await self._client.delete(path))

    async def text(self, path: str) -> str:
        """A text answer, such as NDJSON."""
        return _checked(await self._client.get(path)).text

    async def post(self, path: str, body: dict[str, Any], *, traceparent: str = "") -> dict[str, Any]:
        """Send JSON, get JSON."""
        headers = {"traceparent": traceparent} if traceparent else {}
        answer: dict[str, Any] = _checked(await self._client.post(path, json=body, headers=headers)).json()
        return answer

    async def send(self, path: str, content: bytes, *, kind: str, **query: str) -> dict[str, Any]:
        """Send bytes of a media type, get JSON."""
        headers = {"content-type": kind}
        answer: dict[str, Any] = _checked(
            await self._client.post(path, content=content, params=query, headers=headers)
        ).json()
        return answer

    async def until_status(self, session: str, *statuses: str, timeout_s: float) -> dict[str, Any]:
        """Ask for a session's status until it is one of `statuses`; raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                found = await self.get(f"/api/session/{session}/status")
                if found["status"] in statuses:
                    return found
                await asyncio.sleep(_POLL_S)


@contextlib.asynccontextmanager
async def open_api(ready: Ready) -> AsyncIterator[Api]:
    """An Api over one connection pool."""
    async with open_client(ready) as client:
        yield Api(client)


def open_client(ready: Ready) -> httpx.AsyncClient:
    """An HTTP client that carries the API key."""
    headers = {"Authorization": f"Bearer {ready.api_key}"}
    return httpx.AsyncClient(base_url=ready.api_url, headers=headers, timeout=_TIMEOUT_S)


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
        places = "; ".join(f"{error['pointer']}: {error['detail']}" for error in problem.get("errors", []))
        raise ApiRefused(f"{problem['code']}: {places or problem['detail']}")
    except (ValueError, KeyError):
        raise ApiRefused(f"HTTP {answer.status_code} from {answer.url.path}") from None
