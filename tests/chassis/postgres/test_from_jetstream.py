"""The whole way, on the real parts: appended to JetStream, visible in PostgreSQL."""

import asyncio

import pytest
from tests.support.counted_sessions import reached, run_subject
from tests.support.event_log import a_count
from tests.support.running import running
from tests.support.toy_projection import ToyCounts

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs
from chassis.postgres.parking import parked_sessions
from chassis.postgres.pool import direct, open_pool
from chassis.postgres.rebuild import check, rebuild
from chassis.postgres.replay import replay_parked
from chassis.postgres.runner import ProjectionRunner
from chassis.postgres.wait import wait_for_position
from contracts.positions import Position
from contracts.subjects import Log

pytestmark = pytest.mark.integration


async def append_session(log: NatsEventLog, session: str, commits: int) -> Position:
    revision = 0
    for n in range(commits):
        events = [a_count(session, 2 * n + 1), a_count(session, 2 * n + 2, amount=3)]
        position = await log.append(Log.SESSIONS, run_subject(session), events, expected=revision)
        revision = position.sequence
    return position


async def test_what_is_appended_becomes_visible_can_be_checked_rebuilt_and_replayed(
    nats_url: str, database: str
) -> None:
    async with connect(nats_url, name="test") as client, open_pool(database, name="test", schema="svc") as pool:
        await declare_logs(client, replicas=1)
        log = NatsEventLog(client)
        poison = {"evt_ses_2_4"}
        runner = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts(poison=poison))
        async with running(runner.run()):
            positions = await asyncio.gather(*(append_session(log, f"ses_{number}", 20) for number in range(5)))
            for position in positions:
                await wait_for_position(pool, "svc", "toy", position, timeout_s=10)
            async with direct(database) as connection:
                [session] = await parked_sessions(connection, "svc", projection="toy")
            assert session.event_id == "evt_ses_2_4"
            poison.clear()
            [replayed] = await replay_parked(database, log=log, service="svc", projection=ToyCounts())
            assert (replayed.events, replayed.error) == (38, "")
            assert (await check(database, log=log, service="svc", projection=ToyCounts())).equal
            assert (await rebuild(database, log=log, service="svc", projection=ToyCounts())).sequence == 100
            last = await append_session(log, "ses_late", 1)
            await reached(database, last.sequence)
        assert await pool.fetchval("select sum(events) from session_count") == 5 * 40 + 2
    async with direct(database) as connection:
        assert await connection.fetchval("select count(*) from svc.parked") == 0
