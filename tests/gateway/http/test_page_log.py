"""What a participant's page reports: taken from its own page alone, bounded, sealed, and shown to its customer."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest
from tests.support.gateways import OTHER, START, a_gateway, gateway_settings, outside, seed

from chassis.postgres.pool import open_pool
from contracts.ids import CustomerId, KeyId, SessionId
from gateway.adapters.memory_livekit import MemoryLiveKit
from gateway.adapters.page_logs import Bounds, PageLogs, SealedReport
from gateway.bootstrap import migrate

pytestmark = pytest.mark.integration

ENTRY = {"kind": "error", "message": "Secret panel broke", "level": "error", "at": "t", "details": {"line": 3}}


async def started(gateway: httpx.AsyncClient) -> dict[str, Any]:
    body: dict[str, Any] = (await gateway.post("/api/session/start", json=START)).json()
    return body


async def report(
    gateway: httpx.AsyncClient, session: dict[str, Any], *entries: dict[str, Any], token: str | None = None
) -> httpx.Response:
    body = {"resume_token": session["resume_token"] if token is None else token, "entries": list(entries)}
    path = f"/api/session/{session['session_id']}/log"
    return await gateway.post(path, json=body, headers={"Authorization": ""})


async def test_a_report_is_kept_sealed_folded_into_nothing_and_shown_to_its_customer(
    nats_url: str, database: str
) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        session = await started(gateway)
        before = await world.events(session["session_id"])
        for number in range(3):
            answer = await report(gateway, session, ENTRY, {"kind": "chat", "message": f"Secret {number}"})
            assert answer.status_code == 202, answer.text
        path = f"/api/sessions/{session['session_id']}/log"
        first = (await gateway.get(path, params={"limit": 2})).json()
        rest = (await gateway.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()

        shown = [*first["data"], *rest["data"]]
        assert [one["entries"][1]["message"] for one in shown] == ["Secret 0", "Secret 1", "Secret 2"]
        assert shown[0]["entries"][0] == ENTRY
        assert rest["next_cursor"] is None
        assert len(await world.events(session["session_id"])) == len(before)

        db = await asyncpg.connect(database)
        rows = await db.fetch("select * from gateway.page_log")
        await db.execute("update gateway.page_log set id = 'log_moved' where seq = 1")
        assert (await gateway.get(path)).json()["data"][0]["entries"] == "broken"
        await db.execute("delete from gateway.data_key")
        await db.close()
        assert b"Secret" not in b"".join(row["sealed"] for row in rows)
        assert {one["entries"] for one in (await gateway.get(path)).json()["data"]} == {"erased"}
        assert (await report(gateway, session, ENTRY)).json()["code"] == "session_erased"


async def test_only_the_sessions_own_page_reports_and_only_its_customer_reads(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key, stranger = await seed(settings), await seed(settings, customer=OTHER)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        session, other = await started(gateway), await started(gateway)
        for wrong in ("", "rt_nothing", other["resume_token"], key):
            refused = await report(gateway, session, ENTRY, token=wrong)
            assert (refused.status_code, refused.json()["code"]) == (401, "wrong_resume_token")
        unknown = await report(gateway, {**session, "session_id": "ses_none"}, ENTRY)
        assert (unknown.status_code, unknown.json()["code"]) == (401, "wrong_resume_token")

        path = f"/api/sessions/{session['session_id']}/log"
        hidden = await gateway.get(path, headers={"Authorization": f"Bearer {stranger}"})
        assert (hidden.status_code, hidden.json()["code"]) == (404, "unknown_session")
        with_token = await gateway.get(path, headers={"Authorization": f"Bearer {session['resume_token']}"})
        assert with_token.status_code == 401
        assert (await gateway.get(path)).json() == {"data": [], "next_cursor": None}


BAD: list[tuple[list[dict[str, Any]], int]] = [
    ([], 400),
    ([{"kind": "chat"}], 400),
    ([{"kind": "secret", "message": "x"}], 400),
    ([{"kind": "chat", "message": "x" * 4001}], 400),
    ([{"kind": "chat", "message": "x", "more": 1}], 400),
    ([{"kind": "chat", "message": "x", "details": {"a": {"b": 1}}}], 400),
    ([{"kind": "chat", "message": "x", "details": {f"a{n}": n for n in range(21)}}], 400),
    ([{"kind": "chat", "message": "x"}] * 51, 400),
    ([{"kind": "chat", "message": "x" * 3900}] * 9, 413),
]


async def test_a_report_that_is_too_much_or_malformed_is_refused(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        session = await started(gateway)
        for entries, status in BAD:
            assert (await report(gateway, session, *entries)).status_code == status, entries
        assert (await gateway.get(f"/api/sessions/{session['session_id']}/log")).json()["data"] == []
        bad = await gateway.get(f"/api/sessions/{session['session_id']}/log", params={"cursor": "x"})
        assert (bad.status_code, bad.json()["code"]) == (400, "invalid_cursor")


async def test_a_page_that_reports_without_end_is_held_back(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        session = await started(gateway)
        answers = await asyncio.gather(*(report(gateway, session, ENTRY) for _ in range(40)))

        assert [one.status_code for one in answers].count(202) == 30
        refused = next(one for one in answers if one.status_code != 202)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_reports")
        assert "retry-after" in refused.headers


async def test_a_session_keeps_no_more_reports_and_bytes_than_it_may(nats_url: str, database: str) -> None:
    await migrate(gateway_settings(nats_url, database))
    async with open_pool(database, name="test", schema="gateway") as pool:

        async def outcome(bounds: Bounds, session: str, size: int, number: int) -> str:
            made = SealedReport(
                id=f"log_{session}_{number}",
                customer=CustomerId("acme"),
                session=SessionId(session),
                keyid=KeyId("dk_1"),
                size=size,
                sealed=b"x",
            )
            return await PageLogs(pool, bounds).take(made)

        counted = Bounds(a_minute=100, reports=2)
        assert [await outcome(counted, "ses_1", 1, n) for n in range(3)] == ["taken", "taken", "full"]
        weighed = Bounds(a_minute=100, bytes=100)
        assert [await outcome(weighed, "ses_2", 60, n) for n in range(2)] == ["taken", "full"]

        await pool.execute("update page_log set received_at = now() - interval '31 days' where session = 'ses_1'")
        await PageLogs(pool).forget_old()
        assert await pool.fetchval("select string_agg(distinct session, ',') from page_log") == "ses_2"
