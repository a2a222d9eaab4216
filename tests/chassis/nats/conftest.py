"""A connection to one node."""

from collections.abc import AsyncIterator

import pytest

from chassis.nats.connection import Client, connect


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[Client]:
    async with connect(nats_url, name="nats tests") as client:
        yield client
