"""Starting a session with an Idempotency-Key: one session, whoever asks how often, on whichever gateway."""

import asyncio

import httpx
import pytest
from tests.support.gateways import START, a_gateway, gateway_settings, outside, seed
from tests.support.until import until

from contracts.subjects import Log

pytestmark = pytest.mark.integration


async def insisting(gateway: httpx.AsyncClient, key: str) -> httpx.Response:
    """As a client does: again while the first is at work."""
    while True:
        answer = await gateway.post("/api/session/start", json=START, headers={"Idempotency-Key": key})
        if answer.status_code != 409:
            return answer
        assert answer.json()["code"] == "idempotency_key_in_use"
        assert answer.headers["retry-after"] == "1"


async def test_fifty_at_once_over_two_gateways_are_one_session(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings, max_sessions=10)
    async with a_gateway(settings, key) as first, a_gateway(settings, key) as second, outside(nats_url) as world:
        gateways = [first, second] * 25
        answers = await asyncio.gather(*(insisting(gateway, "the-one") for gateway in gateways))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.text for answer in answers}) == 1, "the same tokens, too"
        replayed = [answer for answer in answers if answer.headers.get("idempotent-replayed") == "true"]
        assert len(replayed) == 49
        session = answers[0].json()["session_id"]
        assert (await world.types(session)).count("requested") == 1
        subjects = {commit.subject.split(".")[3] async for commit in world.log.read(Log.SESSIONS, "evt.>")}
        assert subjects == {session}

        other = await first.post(
            "/api/session/start",
            json={**START, "user_info": {"id": "another"}},
            headers={"Idempotency-Key": "the-one"},
        )
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        fresh = await insisting(second, "another")
        assert fresh.json()["session_id"] != session


async def test_a_refused_start_may_be_tried_again_with_the_same_key(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings, max_sessions=1)
    async with a_gateway(settings, key) as gateway:
        running = (await insisting(gateway, "first")).json()["session_id"]
        assert (await insisting(gateway, "second")).status_code == 429
        await gateway.post(f"/api/session/{running}/end")

        async def started() -> bool:
            return (await insisting(gateway, "second")).status_code == 201

        await until(started, what="the freed slot is taken", timeout_s=20)
