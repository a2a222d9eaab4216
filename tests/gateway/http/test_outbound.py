"""/api/webhooks and what comes of it, over a real NATS and PostgreSQL and a receiver on this machine."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from tests.support.gateways import (
    ACME,
    OTHER,
    START,
    Outside,
    a_gateway,
    gateway_settings,
    outside,
    seed,
)
from tests.support.receivers import Receiver, a_receiver
from tests.support.until import until

from chassis.postgres.rebuild import rebuild
from contracts.envelope import decode_commit
from contracts.subjects import Log
from gateway.adapters.memory_livekit import MemoryLiveKit
from gateway.read_models.session_index import SessionIndex
from gateway.settings import Settings

pytestmark = pytest.mark.integration


class Scene:
    """A gateway, a world outside it, and a receiver."""

    def __init__(
        self, gateway: httpx.AsyncClient, world: Outside, receiver: Receiver, settings: Settings, key: str
    ) -> None:
        self.gateway, self.world, self.receiver, self.settings, self.key = gateway, world, receiver, settings, key

    async def webhook(self, **more: Any) -> dict[str, Any]:
        answer = await self.gateway.post("/api/webhooks", json={"url": self.receiver.url, **more})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def call(self, **more: Any) -> str:
        """A session that starts and is ended; its id."""
        session: str = (await self.gateway.post("/api/session/start", json={**START, **more})).json()["session_id"]
        rooms = self.world.rooms
        await until(lambda: any(room == session for room, _ in rooms.dispatched))
        await self.world.claim(next(metadata for room, metadata in rooms.dispatched if room == session))
        await self.gateway.post(f"/api/session/{session}/end")
        await until(lambda: self.world.has(session, "ended"), what="the session has its end")
        return session

    async def deliveries(self, webhook: str, **query: Any) -> list[dict[str, Any]]:
        answer = await self.gateway.get(f"/api/webhooks/{webhook}/deliveries", params=query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    async def hurry(self, **columns: int) -> None:
        """What waits is due now."""
        sets = "".join(f", {name} = {value}" for name, value in columns.items())
        db = await asyncpg.connect(self.settings.postgres_dsn)
        await db.execute(f"update gateway.delivery set next_at = now(){sets} where state = 'waiting'")
        await db.close()

    async def settled(self, webhook: str, number: int) -> None:
        async def all_settled() -> bool:
            found = await self.deliveries(webhook)
            return len(found) == number and all(one["status"] != "waiting" for one in found)

        await until(all_settled, what=f"{number} deliveries are settled")


@contextlib.asynccontextmanager
async def a_scene(nats_url: str, database: str) -> AsyncIterator[Scene]:
    settings = gateway_settings(nats_url, database, development_reach_loopback=True)
    key, rooms = await seed(settings), MemoryLiveKit()
    async with (
        a_receiver() as receiver,
        a_gateway(settings, key, rooms=rooms) as gateway,
        outside(nats_url, rooms) as world,
    ):
        yield Scene(gateway, world, receiver, settings, key)


async def test_an_endpoint_is_told_in_order_signed_and_once(nats_url: str, database: str) -> None:
    async with a_scene(nats_url, database) as scene:
        await scene.call()
        webhook = await scene.webhook()
        session = await scene.call(external_id="order-1", metadata={"a": "Secret"})
        await scene.settled(webhook["id"], 2)

        received = scene.receiver.received
        assert scene.receiver.types == ["session.started", "session.ended"]
        assert all(one.signed_with(webhook["secret"]) for one in received)
        told = {str(one.id): one for one in await scene.world.events(session)}
        assert [told[one.id].type for one in received] == ["session.started", "session.ended"]
        data = received[1].body["data"]
        assert (data["session_id"], data["external_id"], data["user_id"]) == (session, "order-1", "anna")
        assert (data["template_id"], data["reason"]) == ("help", "operator_ended")
        assert data["transcript_path"] == f"/api/sessions/{session}/timeline"
        assert b"Secret" not in received[0].content + received[1].content

        shown = await scene.deliveries(webhook["id"])
        assert [(one["type"], one["status"], one["attempts"]) for one in shown] == [
            ("session.ended", "delivered", 1),
            ("session.started", "delivered", 1),
        ]
        assert [one["type"] for one in await scene.deliveries(webhook["id"], limit=1)] == ["session.ended"]


async def test_the_secret_is_shown_once_and_is_sealed_and_not_in_the_log(nats_url: str, database: str) -> None:
    async with a_scene(nats_url, database) as scene:
        webhook = await scene.webhook(events=["session.ended"])
        path, secret = f"/api/webhooks/{webhook['id']}", webhook["secret"].encode()
        shown = [(await scene.gateway.get(one)).content for one in ("/api/webhooks", path)]
        db = await asyncpg.connect(database)
        rows = await db.fetch("select sealed from gateway.outbound_secret")
        await db.close()
        log = [commit.payload async for commit in scene.world.log.read(Log.CONFIG, "cfg.>")]

        assert len(rows) == 1
        assert all(secret not in one for one in [*shown, *log, *(row["sealed"] for row in rows)])
        types = [one.type for payload in log for one in decode_commit(payload) if one.subject == webhook["id"]]
        assert types == ["webhook.created"]


async def test_after_a_rotation_both_secrets_sign_and_after_the_next_no_more_the_first(
    nats_url: str, database: str
) -> None:
    async with a_scene(nats_url, database) as scene:
        webhook = await scene.webhook(events=["session.ended"])
        path = f"/api/webhooks/{webhook['id']}/rotate-secret"
        second = (await scene.gateway.post(path)).json()
        assert second["overlap_until"] is not None
        await scene.call()
        await scene.settled(webhook["id"], 1)
        third = (await scene.gateway.post(path)).json()
        await scene.call()
        await scene.settled(webhook["id"], 2)

        first_call, second_call = scene.receiver.received
        secrets = [webhook["secret"], second["secret"], third["secret"]]
        assert [first_call.signed_with(one) for one in secrets] == [True, True, False]
        assert [second_call.signed_with(one) for one in secrets] == [False, True, True]


async def test_what_fails_is_tried_again_and_holds_back_its_own_session_alone(nats_url: str, database: str) -> None:
    async with a_scene(nats_url, database) as scene:
        webhook = await scene.webhook()
        failing: set[str] = set()

        def answer(received: Any) -> int:
            failing.add(received.body["data"]["session_id"]) if not failing else None
            return 503 if received.body["data"]["session_id"] in failing else 200

        scene.receiver.answer = answer
        first = await scene.call()
        second = await scene.call()
        assert failing == {first}

        async def told_of_second() -> bool:
            return [one["status"] for one in await scene.deliveries(webhook["id"], status="delivered")].count(
                "delivered"
            ) == 2

        await until(told_of_second, what="the other session is told whole")

        def of(session: str) -> list[str]:
            return [one.type for one in scene.receiver.received if one.body["data"]["session_id"] == session]

        assert (of(first), of(second)) == (["session.started"], ["session.started", "session.ended"])

        scene.receiver.answer = lambda _received: 200
        await scene.hurry()
        await scene.settled(webhook["id"], 4)
        assert of(first) == ["session.started", "session.started", "session.ended"]
        tried = [one for one in scene.receiver.received if one.type == "session.started"]
        assert tried[0].id == tried[-1].id
        assert tried[0].content == tried[-1].content
        path = f"/api/webhooks/{webhook['id']}/deliveries/{tried[0].id}/attempts"
        attempts = (await scene.gateway.get(path)).json()["data"]
        assert [(one["status"], one["fault"]) for one in attempts] == [(503, None), (200, None)]


async def test_410_disables_and_what_was_given_up_is_sent_again_when_asked(nats_url: str, database: str) -> None:
    async with a_scene(nats_url, database) as scene:
        webhook = await scene.webhook()
        path = f"/api/webhooks/{webhook['id']}"
        scene.receiver.answer = lambda _received: 410
        await scene.call()
        await until(lambda: len(scene.receiver.received) == 1)

        async def disabled() -> bool:
            return bool((await scene.gateway.get(path)).json()["disabled_because"] == "gone")

        await until(disabled, what="the endpoint is disabled")
        given_up = await scene.deliveries(webhook["id"], status="dead")
        assert given_up[-1]["cause"] == "status_410"
        assert len(scene.receiver.received) == 1

        scene.receiver.answer = lambda _received: 200
        assert (await scene.gateway.post(f"{path}/enable")).json()["status"] == "enabled"
        again = await scene.gateway.post(f"{path}/deliveries/{given_up[-1]['event_id']}/redeliver")
        assert again.status_code == 202
        await until(lambda: len(scene.receiver.received) == 2, what="it is delivered again")
        first, second = scene.receiver.received
        assert (first.id, first.content) == (second.id, second.content)


async def test_the_last_attempt_makes_it_dead_and_the_next_event_follows(nats_url: str, database: str) -> None:
    async with a_scene(nats_url, database) as scene:
        webhook = await scene.webhook()
        scene.receiver.answer = lambda received: 500 if received.type == "session.started" else 200
        await scene.call()
        await until(lambda: len(scene.receiver.received) == 1)

        async def waits() -> bool:
            return [one["attempts"] for one in await scene.deliveries(webhook["id"], status="waiting")] == [0, 1]

        await until(waits, what="the first attempt is written down")
        await scene.hurry(attempts=9)
        await scene.settled(webhook["id"], 2)
        dead = await scene.deliveries(webhook["id"], status="dead")
        assert [(one["type"], one["cause"]) for one in dead] == [("session.started", "status_500")]
        assert scene.receiver.types[-1] == "session.ended"


async def test_a_redirect_is_a_failure_and_is_not_followed(nats_url: str, database: str) -> None:
    async with a_scene(nats_url, database) as scene, a_receiver() as canary:
        webhook = await scene.webhook(events=["session.ended"])
        scene.receiver.location, scene.receiver.answer = canary.url, lambda _received: 302
        await scene.call()

        async def failed() -> bool:
            return [one["cause"] for one in await scene.deliveries(webhook["id"])] == ["status_302"]

        await until(failed)
        assert canary.received == []


async def test_neither_a_restart_nor_a_second_gateway_nor_a_rebuild_tells_anything_twice(
    nats_url: str, database: str
) -> None:
    async with a_scene(nats_url, database) as scene:
        webhook = await scene.webhook()
        async with a_gateway(scene.settings, scene.key, rooms=scene.world.rooms):
            await scene.call()
            await scene.call()
            await scene.settled(webhook["id"], 4)
        async with a_gateway(scene.settings, scene.key, rooms=scene.world.rooms):
            await rebuild(database, log=scene.world.log, service="gateway", projection=SessionIndex())
            await scene.call()
            await scene.settled(webhook["id"], 6)

        ids = [one.id for one in scene.receiver.received]
        assert len(ids) == len(set(ids)) == 6


BAD_URLS = [
    "http://example.com/hook",
    "https://example.com:8443/hook",
    "https://127.0.0.1/hook",
    "https://10.0.0.1/hook",
    "https://[::1]/hook",
    "https://[::ffff:127.0.0.1]/hook",
    "https://169.254.169.254/latest/meta-data",
    "https://user:pass@example.com/hook",
    "https://2130706433/hook",
    "https://0x7f.1/hook",
    "ftp://example.com/hook",
    "not a url",
]


async def test_a_wrong_webhook_is_refused_and_leaves_nothing(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key, stranger = await seed(settings), await seed(settings, customer=OTHER)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        for url in BAD_URLS:
            answer = await gateway.post("/api/webhooks", json={"url": url})
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_url"), url
            assert answer.json()["errors"][0]["pointer"] == "/url"
        for bad in ({"url": "https://example.com", "events": ["turn.user_said"]}, {"url": ""}, {}):
            assert (await gateway.post("/api/webhooks", json=bad)).status_code == 400
        assert (await gateway.get("/api/webhooks")).json() == {"data": [], "next_cursor": None}

        made = (await gateway.post("/api/webhooks", json={"url": "https://example.com/hook"})).json()
        path = f"/api/webhooks/{made['id']}"
        missing = await gateway.post(f"{path}/deliveries/none/redeliver")
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown_delivery")
        gateway.headers["Authorization"] = f"Bearer {stranger}"
        asked = [("GET", ""), ("DELETE", ""), ("POST", "/rotate-secret"), ("POST", "/enable"), ("GET", "/deliveries")]
        for method, more in asked:
            hidden = await gateway.request(method, path + more)
            assert (hidden.status_code, hidden.json()["code"]) == (404, "unknown_webhook"), (method, more)
        assert (await gateway.get("/api/webhooks")).json()["data"] == []


async def test_a_deleted_webhook_is_gone_with_its_secrets_and_deliveries(nats_url: str, database: str) -> None:
    async with a_scene(nats_url, database) as scene:
        webhook = await scene.webhook()
        await scene.call()
        await scene.settled(webhook["id"], 2)
        path = f"/api/webhooks/{webhook['id']}"
        for _ in range(2):
            assert (await scene.gateway.delete(path)).status_code == 204
        assert (await scene.gateway.get(path)).status_code == 404
        await scene.call()

        db = await asyncpg.connect(database)
        for table in ("outbound_secret", "delivery", "delivery_attempt"):
            assert await db.fetchval(f"select count(*) from gateway.{table}") == 0, table
        await db.close()
        assert len(scene.receiver.received) == 2
        assert str(ACME) not in scene.receiver.received[0].content.decode()
