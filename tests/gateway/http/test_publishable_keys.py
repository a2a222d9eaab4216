"""A publishable key starts sessions from its own pages, of its own templates, and does nothing else."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.gateways import ACME, START, TEMPLATE, a_gateway, gateway_settings, outside, seed

from chassis.api_keys import api_key_digest, new_api_key
from chassis.clock import SystemClock
from chassis.recording import Origin, Recorder
from contracts.events.api_key import ApiKeyIssued
from contracts.ids import ApiKeyId
from contracts.subjects import CONFIG_WRITER, Log, config_subject

pytestmark = pytest.mark.integration

PAGE = "https://app.example.com"


@pytest.fixture
async def gateway(nats_url: str, database: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = gateway_settings(nats_url, database, rooms=False)
    await seed(settings)
    id = ApiKeyId("key_page")
    key = new_api_key(id, livemode=False, kind="publishable")
    issued = ApiKeyIssued(
        digest=api_key_digest(settings.key_pepper.encode(), key),
        hint="",
        scopes=["sessions:write"],
        livemode=False,
        kind="publishable",
        origins=[PAGE],
        templates=[TEMPLATE],
    )
    origin = Origin(customer=ACME, subject=id, writer=CONFIG_WRITER, source="tests/1")
    event = Recorder(origin=origin, clock=SystemClock()).record(issued)
    async with outside(nats_url) as world:
        await world.log.append(Log.CONFIG, config_subject(ACME, "api_key", id), [event], expected=0)
    async with a_gateway(settings, key) as client:
        yield client


async def test_it_starts_sessions_from_its_origins_and_of_its_templates_only(
    gateway: httpx.AsyncClient, nats_url: str
) -> None:
    started = await gateway.post("/api/session/start", json=START, headers={"Origin": PAGE})
    assert started.status_code == 201, started.text
    assert started.headers["access-control-allow-origin"] == "*"
    async with outside(nats_url) as world:
        before = await world.count()
        for origin in (None, "null", "https://evil.example", f"{PAGE}.evil.example", "http://app.example.com", "*"):
            headers = {"Origin": origin} if origin else {}
            refused = await gateway.post("/api/session/start", json=START, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed"), origin
        other = await gateway.post(
            "/api/session/start", json={**START, "template_id": "other"}, headers={"Origin": PAGE}
        )
        assert (other.status_code, other.json()["code"]) == (403, "template_not_allowed")
        ended = await gateway.post(f"/api/session/{started.json()['session_id']}/end", headers={"Origin": PAGE})
        assert (ended.status_code, ended.json()["code"]) == (403, "not_allowed")
        assert await world.count() == before


async def test_a_browser_may_ask_first(gateway: httpx.AsyncClient) -> None:
    asks = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = await gateway.options("/api/session/start", headers=asks)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
