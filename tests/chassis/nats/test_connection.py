"""The connection's settings that a service lives by."""

import asyncio

import pytest

from chassis.nats.connection import Client, connect

pytestmark = pytest.mark.integration


async def test_inboxes_carry_the_services_name(client: Client) -> None:
    assert client.new_inbox().startswith("_INBOX.nats-tests.")


async def test_several_urls_share_the_credentials_of_the_first(nats_url: str) -> None:
    credentials, _, host = nats_url.rpartition("@")
    async with connect(f"{credentials}@{host},nats://{host}", name="t") as client:
        assert client.is_connected


async def test_it_never_gives_up_and_notices_soon(client: Client) -> None:
    assert client.options["max_reconnect_attempts"] == -1
    assert client.options["ping_interval"] == 10
    assert client.options["reconnect_time_wait"] == 0.2


async def test_a_connection_that_only_looks_alive_is_made_anew(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.nats.connection._WATCH_EVERY_S", 0.2)
    monkeypatch.setattr("chassis.nats.connection._RTT_S", 1)
    async with connect(nats_url, name="t") as client:
        assert client._reading_task is not None
        client._reading_task.cancel()  # as an exception in nats-py's read loop would end it
        async with asyncio.timeout(20):
            while client.stats["reconnects"] == 0 or not client.is_connected:  # noqa: ASYNC110 (nats-py has no event for it)
                await asyncio.sleep(0.01)
        await client.rtt(timeout=5)


async def test_leaving_closes_it(nats_url: str) -> None:
    async with connect(nats_url, name="t") as client:
        pass
    assert client.is_closed
