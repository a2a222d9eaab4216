"""Exact concurrency, over two gateways on one database."""

import asyncio
from collections import Counter
from collections.abc import Awaitable

import asyncpg
import pytest
from tests.support.gateways import ACME, START, a_gateway, gateway_settings, outside, seed
from tests.support.until import until

from gateway.adapters.memory_livekit import MemoryLiveKit

pytestmark = pytest.mark.integration


async def slots(database: str) -> int:
    db = await asyncpg.connect(database)
    try:
        return int(await db.fetchval("select count(*) from gateway.slot"))
    finally:
        await db.close()


async def test_of_64_starts_at_once_over_two_gateways_exactly_ten_get_in_at_a_limit_of_ten(
    nats_url: str, database: str
) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings, max_sessions=10)
    rooms = MemoryLiveKit()
    async with (
        a_gateway(settings, key, rooms=rooms) as one,
        a_gateway(settings, key, rooms=rooms) as two,
        outside(nats_url, rooms) as world,
    ):
        starts = [(one, two)[number % 2].post("/api/session/start", json=START) for number in range(64)]
        answers = await asyncio.gather(*starts)

        assert Counter(answer.status_code for answer in answers) == {201: 10, 429: 54}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["code"] == "too_many_sessions"
        assert int(refused.headers["retry-after"]) > 0
        assert await world.count() == 10
        assert await slots(database) == 10

        session = next(answer for answer in answers if answer.status_code == 201).json()["session_id"]
        await one.post(f"/api/session/{session}/end")
        await until(lambda: _is(slots(database), 9), what="the slot is given back")
        again = await asyncio.gather(*(two.post("/api/session/start", json=START) for _ in range(3)))
        assert Counter(answer.status_code for answer in again) == {201: 1, 429: 2}


async def _is(found: Awaitable[int], wanted: int) -> bool:
    return (await found) == wanted


async def take_slot(database: str, session: str, *, age_s: int, admitted: bool = False) -> None:
    db = await asyncpg.connect(database)
    try:
        await db.execute(
            "insert into gateway.slot (session, customer, taken_at, admitted)"
            " values ($1, $2, now() - make_interval(secs => $3), $4)",
            session,
            ACME,
            float(age_s),
            admitted,
        )
    finally:
        await db.close()


async def test_a_slot_without_its_event_is_reclaimed_by_refusing_the_session(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings, max_sessions=1)
    await take_slot(database, "ses_stuck", age_s=31)
    await take_slot(database, "ses_underway", age_s=5)
    async with a_gateway(settings, key, rooms=MemoryLiveKit(), slot_sweep_s=0.2), outside(nats_url) as world:
        await until(lambda: world.has("ses_stuck", "refused"), what="the stuck session is refused")
        await until(lambda: _is(slots(database), 1), what="one slot is left")

        assert await world.types("ses_stuck") == ["refused"]
        assert await world.types("ses_underway") == []


async def test_slots_are_made_equal_to_the_log_at_the_start(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    rooms = MemoryLiveKit()
    async with a_gateway(settings, key, rooms=rooms) as gateway, outside(nats_url, rooms) as world:
        live = (await gateway.post("/api/session/start", json=START)).json()["session_id"]
        over = (await gateway.post("/api/session/start", json=START)).json()["session_id"]
        await gateway.post(f"/api/session/{over}/end")
        await until(lambda: world.has(over, "closed"))
        await until(lambda: _is(slots(database), 1))

    await take_slot(database, over, age_s=0, admitted=True)
    db = await asyncpg.connect(database)
    await db.execute("delete from gateway.slot where session = $1", live)
    await db.close()

    async with a_gateway(settings, key, rooms=rooms):
        await until(lambda: has_slots(database, {live}), what="the open session's slot alone")


async def has_slots(database: str, sessions: set[str]) -> bool:
    db = await asyncpg.connect(database)
    try:
        return {row["session"] for row in await db.fetch("select session from gateway.slot")} == sessions
    finally:
        await db.close()
