"""A ledger on real servers."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.ledgers import World, a_world
from tests.support.readers import calling

from ledger.bootstrap import open_service


@pytest.fixture
async def world(nats_url: str, database: str) -> AsyncIterator[World]:
    """The logs, the sessions in them, and a key holder; no ledger yet."""
    async with a_world(nats_url, database) as world:
        yield world


@pytest.fixture
async def api(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """The running ledger, called as acme."""
    async with calling(open_service(world.settings), world.api_key) as client:
        yield client
