"""The operators' API as the command line uses it: where it is, with which token, and what may go wrong."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from baton import ready
from baton.demo.api import Api

URL, TOKEN = "BATON_ADMIN_URL", "BATON_OPERATOR_TOKEN"
_TIMEOUT_S = 20.0
_PAGE = "100"

T = TypeVar("T")


class NoToken(Exception):
    """An address is given, and no token with it."""


class OutOfReach(Exception):
    """Nothing that is the operators' API answers there."""


class Place(msgspec.Struct, frozen=True):
    """Where the API is, and the token that opens it."""

    url: str
    token: str


def place_of(data: Path, *, url: str | None, token_file: Path | None) -> Place:
    """From the options, else the environment, else the ready file of the `baton up` on the data folder.

    Raises NotRunning, NoToken, and OSError for a file that cannot be read.
    """
    url = url or os.environ.get(URL)
    token = token_file.read_text().strip() if token_file else os.environ.get(TOKEN)
    if url and token:
        return Place(url, token)
    if url:
        raise NoToken(f"for {url} a token is needed: set {TOKEN}, or give --token-file")
    described = ready.read(data / ready.NAME)
    return Place(described.admin_url, token or described.operator_token)


def operate(place: Place, work: Callable[[Api], Coroutine[Any, Any, T]]) -> T:
    """Do some work with the API. Raises ApiRefused, OutOfReach."""

    async def run() -> T:
        async with _open(place) as api:
            return await work(api)

    return asyncio.run(run())


async def every(api: Api, path: str, **query: str) -> AsyncIterator[dict[str, Any]]:
    """All things of a list, page by page."""
    cursor: dict[str, str] = {}
    while True:
        page = await api.get(path, limit=_PAGE, **query, **cursor)
        for one in page["data"]:
            yield one
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


@contextlib.asynccontextmanager
async def _open(place: Place) -> AsyncIterator[Api]:
    headers = {"Authorization": f"Bearer {place.token}"}
    try:
        async with httpx.AsyncClient(base_url=place.url, headers=headers, timeout=_TIMEOUT_S) as client:
            yield Api(client)
    except (httpx.TransportError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise OutOfReach(f"the operators' API does not answer at {place.url}") from error
