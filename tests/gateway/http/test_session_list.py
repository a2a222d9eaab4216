"""/api/sessions over a real NATS and PostgreSQL: what a customer finds again, and what it never finds."""

from typing import Any

import asyncpg
import httpx
import pytest
from tests.support.gateways import OTHER, START, a_gateway, gateway_settings, outside, seed
from tests.support.until import until

from chassis.postgres.rebuild import check
from gateway.adapters.memory_livekit import MemoryLiveKit
from gateway.read_models.session_index import SessionIndex

pytestmark = pytest.mark.integration


async def started(gateway: httpx.AsyncClient, **more: Any) -> tuple[str, str]:
    """(session, position of its first commit)."""
    answer = await gateway.post("/api/session/start", json={**START, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["session_id"], answer.json()["position"]


async def found(gateway: httpx.AsyncClient, position: str, **query: Any) -> list[str]:
    answer = await gateway.get("/api/sessions", params={"min_position": position, **query})
    assert answer.status_code == 200, answer.text
    return [one["session_id"] for one in answer.json()["data"]]


async def test_a_session_is_found_by_each_thing_that_its_customer_knows_of_it(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        web, _ = await started(gateway, external_id="order-1", metadata={"channel": "web", "tier": "gold"})
        phone, _ = await started(gateway, external_id="order-2", metadata={"channel": "phone", "tier": "gold"})
        plain, last = await started(gateway)
        middle = (await gateway.get(f"/api/sessions/{phone}", params={"min_position": last})).json()["created_at"]

        assert await found(gateway, last) == [plain, phone, web]
        assert await found(gateway, last, external_id="order-1") == [web]
        assert await found(gateway, last, **{"metadata.channel": "phone"}) == [phone]
        assert await found(gateway, last, **{"metadata.tier": "gold"}) == [phone, web]
        assert await found(gateway, last, **{"metadata.tier": "gold", "metadata.channel": "web"}) == [web]
        assert await found(gateway, last, **{"metadata.channel": "we"}) == []
        assert await found(gateway, last, template_id="help", status="waiting") == [plain, phone, web]
        assert await found(gateway, last, template_id="other") == []
        assert await found(gateway, last, status="closed") == []
        assert await found(gateway, last, created_after=middle) == [plain]
        assert await found(gateway, last, created_before=middle) == [web]
        assert await found(gateway, last, created_after=middle.replace("Z", "+00:00")) == [plain]


async def test_pages_hold_every_session_once_while_others_begin(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        sessions = [(await started(gateway))[0] for _ in range(5)]
        _, last = await started(gateway)
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 2, "min_position": last}
        while True:
            page = (await gateway.get("/api/sessions", params=query)).json()
            seen += [one["session_id"] for one in page["data"]]
            if page["next_cursor"] is None:
                break
            await started(gateway)
            query["cursor"] = page["next_cursor"]

        assert len(seen) == len(set(seen)) == 6
        assert seen[1:] == sessions[::-1]


async def test_a_session_shows_what_was_given_until_it_is_erased(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    given = {"user_info": {"id": "anna", "name": "Anna Secret"}, "variables": {"tries": 3}, "metadata": {"a": "Secret"}}
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        session, position = await started(gateway, initial_agent="triage", **given)
        query = {"min_position": position}
        shown = (await gateway.get(f"/api/sessions/{session}", params=query)).json()

        assert shown["user"] == {"name": "Anna Secret", "preferences": {}, "metadata": {}}
        assert (shown["user_id"], shown["variables"], shown["metadata"]) == ("anna", {"tries": 3}, {"a": "Secret"})
        assert (shown["status"], shown["initial_agent"], shown["external_id"]) == ("waiting", "triage", None)

        db = await asyncpg.connect(database)
        row = dict(await db.fetchrow("select * from gateway.session_index") or {})
        await db.execute("delete from gateway.data_key")
        await db.close()
        assert "Secret" not in str(row)
        erased = (await gateway.get(f"/api/sessions/{session}")).json()
        assert (erased["user"], erased["variables"], erased["metadata"]) == ("erased", "erased", "erased")
        (listed,) = (await gateway.get("/api/sessions")).json()["data"]
        assert listed["metadata"] == "erased"


async def test_another_customer_finds_nothing_of_it(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key, stranger = await seed(settings), await seed(settings, customer=OTHER)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        session, position = await started(gateway, external_id="order-1", metadata={"channel": "web"})
        gateway.headers["Authorization"] = f"Bearer {stranger}"

        assert await found(gateway, position) == []
        assert await found(gateway, position, external_id="order-1") == []
        assert await found(gateway, position, **{"metadata.channel": "web"}) == []
        hidden = await gateway.get(f"/api/sessions/{session}")
        assert (hidden.status_code, hidden.json()["code"]) == (404, "unknown_session")


BAD = [
    ({"cursor": "nonsense"}, "invalid_cursor"),
    ({"cursor": "W10"}, "invalid_cursor"),
    ({"limit": 0}, "invalid_input"),
    ({"limit": 101}, "invalid_input"),
    ({"status": "gone"}, "invalid_input"),
    ({"external_id": "a b"}, "invalid_id"),
    ({"template_id": ""}, "invalid_id"),
    ({"created_after": "yesterday"}, "invalid_time"),
    ({"created_before": "2026-01-01T00:00:00"}, "invalid_time"),
    ({"metadata.a b": "x"}, "invalid_metadata"),
    ({"min_position": "x"}, "invalid_position"),
]


async def test_a_wrong_question_gets_a_clear_problem(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key, writer = await seed(settings), await seed(settings, scopes=["sessions:write"])
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        for query, code in BAD:
            answer = await gateway.get("/api/sessions", params=query)
            assert (answer.status_code, answer.json()["code"]) == (400, code), (query, answer.text)
        bad = await gateway.get("/api/sessions/a.b")
        assert bad.status_code == 400
        gateway.headers["Authorization"] = f"Bearer {writer}"
        for path in ("/api/sessions", "/api/sessions/ses_1"):
            assert (await gateway.get(path)).status_code == 403


async def test_the_list_is_the_same_after_a_rebuild(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        session, _ = await started(gateway, external_id="order-1", metadata={"channel": "web"})
        await gateway.post(f"/api/session/{session}/end")
        await until(lambda: world.has(session, "closed"), what="the session is closed")
        report = await check(database, log=world.log, service="gateway", projection=SessionIndex())

        assert (report.comparison.rows, report.comparison.differences) == (2, []), "the session and its pair"
