"""A read with `min_position` waits for its read model, for a bounded time."""

import asyncio

import msgspec
import pytest
from tests.support.counted_sessions import reached, run_subject, write
from tests.support.event_log import ReadableLog, a_count
from tests.support.running import running
from tests.support.toy_projection import ToyCounts

from chassis.postgres.faults import Behind, PositionOfAnotherLog
from chassis.postgres.pool import open_pool
from chassis.postgres.runner import ProjectionRunner
from chassis.postgres.wait import has_position, wait_for_position
from contracts.positions import Position
from contracts.subjects import Log

pytestmark = pytest.mark.integration


async def test_a_read_waits_until_the_read_model_holds_the_position(database: str) -> None:
    log = ReadableLog()
    runner = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts())
    async with open_pool(database, name="reader", schema="svc") as pool, running(runner.run()):
        await write(log, 10)
        await reached(database, 10)
        for n in range(20):
            position = await log.add(run_subject("ses_new"), a_count("ses_new", n + 1))
            await wait_for_position(pool, "svc", "toy", position, timeout_s=5)
            assert await pool.fetchval("select events from session_count where session = 'ses_new'") == n + 1


async def test_a_read_model_that_does_not_come_is_a_refusal_after_a_bounded_time(database: str) -> None:
    log = ReadableLog()
    position = Position(Log.SESSIONS, log.name, 0, 5)
    async with open_pool(database, name="reader") as pool:
        async with asyncio.timeout(5):
            with pytest.raises(Behind):
                await wait_for_position(pool, "svc", "toy", position, timeout_s=0.05)
        await write(log, 3)
        runner = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts())
        async with running(runner.run()):
            await reached(database, 3)
            assert not await has_position(pool, "svc", "toy", position)
            assert await has_position(pool, "svc", "toy", msgspec.structs.replace(position, sequence=3))


async def test_a_position_of_another_log_is_refused_at_once(database: str) -> None:
    log = ReadableLog()
    await write(log, 3)
    runner = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts())
    async with open_pool(database, name="reader") as pool, running(runner.run()):
        await reached(database, 3)
        for other in (Position(Log.SESSIONS, "i2", 0, 1), Position(Log.CONFIG, log.name, -1, 1)):
            with pytest.raises(PositionOfAnotherLog):
                await wait_for_position(pool, "svc", "toy", other, timeout_s=60)
