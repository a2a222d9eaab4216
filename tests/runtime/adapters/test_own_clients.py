"""Requests with a customer's own key go to the public internet or nowhere, and carry nothing of the deployment's."""

import aiohttp
import openai
import pytest
from tests.support.listeners import Listener, answering, listening

from chassis.guarded_addresses import Permission, loopback_only
from runtime.adapters.own_clients import OwnClients

pytestmark = pytest.mark.unit

MODELS = b'{"object": "list", "data": []}'


async def list_models(host: str, peer: Listener, *, allow: Permission | None) -> None:
    clients = OwnClients(allow=allow)
    try:
        await clients.openai(base_url=f"http://{host}:{peer.port}/v1", key="sk-own").models.list()
    finally:
        await clients.aclose()


async def get(url: str, *, allow: Permission | None) -> int:
    clients = OwnClients(allow=allow)
    try:
        async with clients.session().get(url) as answer:
            return answer.status
    finally:
        await clients.aclose()


async def test_development_reaches_loopback_with_the_key_and_nothing_of_the_deployments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-deployment")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-deployment")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    headers = "Content-Type: application/json\r\n"
    async with listening(answering(headers=headers, body=MODELS)) as peer:
        await list_models("localhost", peer, allow=loopback_only)
        assert await get(f"http://localhost:{peer.port}/", allow=loopback_only) == 200
        asked = peer.requests[0].decode().lower()
        assert "authorization: bearer sk-own" in asked
        assert "deployment" not in asked


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_production_connects_to_no_address_of_its_own_network_whatever_its_name(host: str) -> None:
    async with listening(answering(body=MODELS)) as peer:
        with pytest.raises(openai.APIConnectionError):
            await list_models(host, peer, allow=None)
        with pytest.raises(aiohttp.ClientConnectorError):
            await get(f"http://{host}:{peer.port}/", allow=None)
        assert peer.connections == 0


async def test_a_redirect_leads_nowhere_that_may_not_be_reached() -> None:
    async with listening(answering(body=MODELS)) as inside:
        headers = f"Location: http://127.0.0.1:{inside.port}/\r\n"

        def all_but_inside(address: object, port: int) -> bool:
            return port != inside.port

        async with listening(answering("307 Temporary Redirect", headers=headers)) as peer:
            with pytest.raises(openai.APIStatusError):
                await list_models("127.0.0.1", peer, allow=all_but_inside)
            with pytest.raises(aiohttp.ClientConnectorError):
                await get(f"http://127.0.0.1:{peer.port}/", allow=all_but_inside)
            assert (peer.connections, inside.connections) == (2, 0)
