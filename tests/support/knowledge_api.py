"""config with documents, as two customers see it: each behind a client of its own."""

import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
from tests.support.config_api import a_key

from config.bootstrap import migrate, open_service
from config.settings import Settings


class Customers(NamedTuple):
    """A client for each."""

    acme: httpx.AsyncClient
    other: httpx.AsyncClient


@contextlib.asynccontextmanager
async def a_library(settings: Settings) -> AsyncIterator[Customers]:
    """A migrated config service, ready."""
    await migrate(settings)
    keys = [await a_key(settings, customer) for customer in Customers._fields]
    async with open_service(settings) as service, contextlib.AsyncExitStack() as stack:
        clients = []
        for key in keys:
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app=service.app),
                base_url="http://config",
                headers={"Authorization": f"Bearer {key}"},
            )
            clients.append(await stack.enter_async_context(client))
            while (await client.get("/api/knowledge/documents")).status_code in (401, 503):
                pass
        yield Customers(*clients)
