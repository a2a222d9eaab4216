"""/webhooks/livekit: taken once, in any order, and only from our own LiveKit."""

from typing import Any

import httpx
import pytest
from tests.support.gateways import START, a_gateway, a_webhook, deliver, gateway_settings, outside, seed, signed

from contracts.events.session import SessionRequested
from contracts.registry import decode_data
from contracts.subjects import Writer
from gateway.adapters.memory_livekit import MemoryLiveKit

pytestmark = pytest.mark.integration


async def a_session(gateway: httpx.AsyncClient) -> str:
    session: str = (await gateway.post("/api/session/start", json=START)).json()["session_id"]
    return session


def a_participant(identity: str, sid: str, **more: Any) -> dict[str, Any]:
    return {"identity": identity, "sid": sid, **more}


async def test_what_livekit_tells_stands_in_the_log(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    rooms = MemoryLiveKit()
    async with a_gateway(settings, key, rooms=rooms) as gateway, outside(nats_url, rooms) as world:
        session = await a_session(gateway)
        requested = decode_data((await world.events(session))[0])
        assert isinstance(requested, SessionRequested)
        user = a_participant(requested.identity, "PA_1")
        told = [
            a_webhook("room_started", session),
            a_webhook("participant_joined", session, participant=user),
            a_webhook("participant_joined", session, participant=a_participant("agent-x", "PA_2", kind="AGENT")),
            a_webhook("track_published", session, participant=user),
            a_webhook("participant_left", session, participant={**user, "disconnectReason": "CLIENT_INITIATED"}),
            a_webhook("room_finished", session),
        ]
        outcomes = [(await deliver(gateway, body)).json()["outcome"] for body in told]

        assert outcomes == ["recorded", "recorded", "recorded", "ignored", "recorded", "recorded"]
        told_types = [one for one in await world.types(session, Writer.ADMISSION) if "room" in one or "part" in one]
        assert told_types == [
            "room_started",
            "participant_joined",
            "participant_joined",
            "participant_left",
            "room_finished",
        ]
        kinds = [
            decode_data(one).kind  # type: ignore[attr-defined]
            for one in await world.events(session)
            if one.type == "session.participant_joined"
        ]
        assert kinds == ["user", "agent"]


async def test_a_forged_webhook_is_refused_and_leaves_no_event(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        session = await a_session(gateway)
        before = await world.count()
        body = a_webhook("room_finished", session)
        other = a_webhook("room_finished", session)
        forged = [
            (body, signed(body, secret="another-secret-of-32-characters-xx")),
            (body, signed(other)),
            (body, {"Authorization": "nonsense"}),
            (body, {"Authorization": ""}),
            ("not json", signed("not json")),
            ("", signed("")),
        ]
        for content, headers in forged:
            answer = await gateway.post("/webhooks/livekit", content=content, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "forged_webhook")
            assert answer.headers["content-type"] == "application/problem+json"
        assert await world.count() == before


async def test_a_replayed_webhook_is_refused_and_leaves_no_event(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        session = await a_session(gateway)
        body = a_webhook("room_started", session)
        assert (await deliver(gateway, body)).status_code == 200
        before = await world.count()
        replayed = await deliver(gateway, body)

        assert (replayed.status_code, replayed.json()["code"]) == (409, "replayed_webhook")
        stale = await deliver(gateway, a_webhook("room_started", session, age_s=301, sid="RM_other"))
        assert (stale.status_code, stale.json()["code"]) == (400, "stale_webhook")
        assert await world.count() == before


async def test_a_webhook_about_a_room_of_somebody_elses_is_ignored(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        for room in ("ses_unknown", "a room with spaces", "a.b.c", ""):
            answer = await deliver(gateway, a_webhook("room_started", room))
            assert (answer.status_code, answer.json()) == (200, {"outcome": "ignored"})
        assert await world.count() == 0
