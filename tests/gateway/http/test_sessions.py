"""/api/session over a real NATS and PostgreSQL: what a customer and a page see."""

import time
from typing import Any

import httpx
import pytest
from livekit import api as livekit
from tests.support.gateways import (
    ACME,
    LIVEKIT_KEY,
    LIVEKIT_SECRET,
    OTHER,
    START,
    TEMPLATE,
    Outside,
    a_gateway,
    gateway_settings,
    outside,
    seed,
)
from tests.support.until import until

from chassis.nats.requests import ask, serve
from chassis.recording import open_personal
from contracts.commands.keys import KeyAnswer, KeyGone, KeyOpened, OpenKey
from contracts.commands.live import LiveAnswer, LiveDone, LiveRequest
from contracts.events.session import SessionRequested, UserPersonal
from contracts.ids import KeyId, SessionId
from contracts.registry import decode_data
from contracts.subjects import OPEN_KEY, Writer, live_session_subject
from gateway.adapters.memory_livekit import MemoryLiveKit

pytestmark = pytest.mark.integration

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def started(gateway: httpx.AsyncClient, **user_info: Any) -> dict[str, Any]:
    answer = await gateway.post("/api/session/start", json={**START, "user_info": {"id": "anna", **user_info}})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_started_session_answers_what_a_page_needs_and_stands_in_the_log(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    rooms = MemoryLiveKit()
    async with a_gateway(settings, key, rooms=rooms) as gateway, outside(nats_url, rooms) as world:
        gateway.headers["traceparent"] = f"00-{TRACE}-00f067aa0ba902b7-01"
        body = await started(gateway, name="Anna Secret", preferences={"tone": "kind"})
        session = body["session_id"]
        await until(lambda: bool(rooms.dispatched), what="the job is dispatched")
        told = await world.events(session)

        assert body["livekit_url"] == "ws://livekit.test"
        assert body["modality_config"] == {"audio": "on_start", "camera": "on_request", "screen": "off"}
        assert body["enabled_panels"] == []
        assert body["position"].startswith("p1.")
        assert [one.type for one in told] == ["session.requested", "session.dispatched", "session.token_issued"]
        assert [one.n for one in told] == [1, 2, 3]
        assert b"Anna Secret" not in b"".join(bytes(one.data) for one in told)
        requested = decode_data(told[0])
        assert isinstance(requested, SessionRequested)
        assert requested.user_id == "anna"

        room, metadata = rooms.dispatched[0]
        assert (room, metadata.session, metadata.epoch) == (session, session, 1)
        assert (metadata.customer, metadata.version) == (ACME, requested.version)
        assert metadata.identity == requested.identity
        assert metadata.traceparent == told[0].traceparent
        assert metadata.traceparent.split("-")[1] == TRACE
        made = rooms.rooms[session]
        assert (made.empty_timeout_s, made.departure_timeout_s) == (660, 60)

        answer = await opened(world, session, metadata.keyid)
        assert isinstance(answer, KeyOpened)
        assert open_personal(told[0], answer.key) == UserPersonal(name="Anna Secret", preferences={"tone": "kind"})


async def opened(world: Outside, session: str, keyid: KeyId, customer: str = ACME) -> KeyAnswer:
    question = OpenKey(customer=customer, session=SessionId(session), keyid=keyid, reader="test")  # type: ignore[arg-type]
    answer: KeyAnswer = await ask(world.nats, OPEN_KEY, question, KeyAnswer, timeout_s=5)
    return answer


async def test_a_key_is_opened_for_its_own_customer_and_session_alone(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        first, second = await started(gateway), await started(gateway)
        keyid = (await world.events(first["session_id"]))[0].keyid

        assert isinstance(await opened(world, first["session_id"], keyid), KeyOpened)
        assert isinstance(await opened(world, second["session_id"], keyid), KeyGone)
        assert isinstance(await opened(world, first["session_id"], keyid, OTHER), KeyGone)
        assert isinstance(await opened(world, first["session_id"], KeyId("dk_none")), KeyGone)


async def test_the_token_opens_one_room_with_the_least_grants_for_ten_minutes(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        body = await started(gateway)
        claims = livekit.TokenVerifier(LIVEKIT_KEY, LIVEKIT_SECRET).verify(body["access_token"])

        assert claims.video is not None
        assert claims.video.room == body["session_id"]
        assert claims.video.room_join is True
        assert claims.video.can_publish_sources == ["microphone", "camera"]
        assert not claims.video.room_admin
        assert not claims.video.can_update_own_metadata
        assert claims.room_config is None
        assert "anna" not in claims.identity


async def test_a_fresh_token_is_for_the_same_identity_and_needs_the_resume_token(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    verifier = livekit.TokenVerifier(LIVEKIT_KEY, LIVEKIT_SECRET)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        body = await started(gateway)
        path = f"/api/session/{body['session_id']}/token"
        gateway.headers.pop("Authorization")

        fresh = await gateway.post(path, json={"resume_token": body["resume_token"]})
        assert fresh.status_code == 200
        assert verifier.verify(fresh.json()["access_token"]).identity == verifier.verify(body["access_token"]).identity
        assert (await world.types(body["session_id"]))[-1] == "token_issued"

        before = await world.count()
        other = await started_with(gateway, key)
        for wrong in ("", "rt_nothing", other["resume_token"]):
            refused = await gateway.post(path, json={"resume_token": wrong})
            assert (refused.status_code, refused.json()["code"]) == (401, "wrong_resume_token")
        unknown = await gateway.post("/api/session/ses_none/token", json={"resume_token": body["resume_token"]})
        assert (unknown.status_code, unknown.json()["code"]) == (401, "wrong_resume_token")
        assert await world.count() == before + 1


async def started_with(gateway: httpx.AsyncClient, key: str) -> dict[str, Any]:
    answer = await gateway.post("/api/session/start", json=START, headers={"Authorization": f"Bearer {key}"})
    body: dict[str, Any] = answer.json()
    return body


async def test_an_ended_session_gives_no_token(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        body = await started(gateway)
        await gateway.post(f"/api/session/{body['session_id']}/end")
        refused = await gateway.post(
            f"/api/session/{body['session_id']}/token", json={"resume_token": body["resume_token"]}
        )

        assert (refused.status_code, refused.json()["code"]) == (409, "session_over")


async def test_the_status_tells_where_a_session_stands_to_its_own_customer(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key, stranger = await seed(settings), await seed(settings, customer=OTHER)
    rooms = MemoryLiveKit()
    async with a_gateway(settings, key, rooms=rooms) as gateway, outside(nats_url, rooms) as world:
        session = (await started(gateway))["session_id"]
        path = f"/api/session/{session}/status"
        waiting = (await gateway.get(path)).json()
        await until(lambda: bool(rooms.dispatched))
        await world.claim(rooms.dispatched[0][1])
        live = (await gateway.get(path)).json()

        assert (waiting["status"], waiting["active_agent"], waiting["epoch"], waiting["claimed_epoch"]) == (
            "waiting",
            None,
            1,
            0,
        )
        assert (live["status"], live["active_agent"], live["claimed_epoch"]) == ("live", "triage", 1)
        assert live["template_id"] == TEMPLATE
        assert len(live["template_version"]) == 64
        assert live["started_at"] is not None
        assert live["ended_at"] is None

        hidden = await gateway.get(path, headers={"Authorization": f"Bearer {stranger}"})
        assert (hidden.status_code, hidden.json()["code"]) == (404, "unknown_session")


async def test_an_operators_end_is_asked_of_the_live_job(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    rooms = MemoryLiveKit()
    asked: list[LiveRequest] = []

    async def live(request: LiveRequest) -> LiveAnswer:
        asked.append(request)
        return LiveDone()

    async with a_gateway(settings, key, rooms=rooms) as gateway, outside(nats_url, rooms) as world:
        session = (await started(gateway))["session_id"]
        async with await serve(world.nats, live_session_subject(session), LiveRequest, live, queue=None):
            answer = await gateway.post(f"/api/session/{session}/end")

        assert (answer.status_code, answer.json()["status"]) == (202, "ending")
        assert asked[0].customer == ACME
        assert not await world.has(session, "ended")


async def test_an_operators_end_without_a_job_is_ours_and_comes_once(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    rooms = MemoryLiveKit()
    async with a_gateway(settings, key, rooms=rooms) as gateway, outside(nats_url, rooms) as world:
        session = (await started(gateway))["session_id"]
        for _ in range(2):
            answer = await gateway.post(f"/api/session/{session}/end")
            assert answer.json() == {"session_id": session, "status": "ended", "end_reason": "operator_ended"}
        await until(lambda: world.has(session, "closed"), what="the session is closed")

        assert await world.types(session, Writer.RUN) == ["job_claimed", "ended"]
        assert (await world.types(session, Writer.ADMISSION))[-1] == "closed"
        assert session not in rooms.rooms


async def test_roomless_a_session_starts_without_url_and_token(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database, rooms=False)
    key = await seed(settings)
    async with a_gateway(settings, key) as gateway, outside(nats_url) as world:
        body = await started(gateway)

        assert (body["livekit_url"], body["access_token"]) == ("", "")
        assert await world.types(body["session_id"]) == ["requested", "dispatched"]


BAD_STARTS: list[tuple[dict[str, Any], int, str]] = [
    ({**START, "template_id": "nothing"}, 404, "unknown_template"),
    ({**START, "template_id": "a.b"}, 400, "invalid_id"),
    ({**START, "template_id": "*"}, 400, "invalid_id"),
    ({**START, "template_id": ""}, 400, "invalid_id"),
    ({**START, "user_info": {"id": ""}}, 400, "invalid_user_info"),
    ({**START, "user_info": {"id": "x" * 300}}, 400, "invalid_user_info"),
    ({**START, "user_info": {"id": "a", "metadata": {"k": "x" * 9000}}}, 400, "invalid_user_info"),
    ({**START, "user_info": {}}, 400, "invalid_input"),
    ({"template_id": TEMPLATE}, 400, "invalid_input"),
    ({}, 400, "invalid_input"),
]


async def test_bad_input_gets_a_clear_problem_and_leaves_no_event(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    reader = await seed(settings, scopes=["sessions:read"])
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        for body, status, code in BAD_STARTS:
            answer = await gateway.post("/api/session/start", json=body)
            assert (answer.status_code, answer.json()["code"]) == (status, code), (body, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        for bad in ("a.b", "*", "a%20b", "x" * 65, "%3E"):
            for method, path in (("GET", "status"), ("POST", "end")):
                answer = await gateway.request(method, f"/api/session/{bad}/{path}")
                assert (answer.status_code, answer.json()["code"]) == (400, "invalid_id")
        for method, path in (("GET", "status"), ("POST", "end")):
            answer = await gateway.request(method, f"/api/session/ses_none/{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_session")
        forbidden = await gateway.post("/api/session/start", json=START, headers={"Authorization": f"Bearer {reader}"})
        assert forbidden.status_code == 403
        nobody = await gateway.post("/api/session/start", json=START, headers={"Authorization": "Bearer sk_test_x"})
        assert nobody.status_code == 401
        assert await world.count() == 0


async def test_a_start_with_its_event_acknowledged_is_quick(nats_url: str, database: str) -> None:
    """Not a benchmark: only that nothing on the way waits for LiveKit."""
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    rooms = MemoryLiveKit()
    rooms.down = True
    async with a_gateway(settings, key, rooms=rooms) as gateway:
        began = time.monotonic()
        await started(gateway)

        assert time.monotonic() - began < 5
