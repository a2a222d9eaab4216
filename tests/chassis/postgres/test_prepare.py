"""Views can be read before a runner runs, and a release with other tables is made beside the old one."""

import asyncio

import pytest
from tests.support.counted_sessions import reached, write
from tests.support.event_log import ReadableLog
from tests.support.running import running
from tests.support.toy_projection import ToyCounts, ToyRecord

from chassis.postgres.overview import list_projections
from chassis.postgres.pool import direct, open_pool
from chassis.postgres.prepare import prepare_projections
from chassis.postgres.runner import ProjectionRunner

pytestmark = pytest.mark.integration


class NextRelease(ToyCounts):
    tables = ToyCounts.tables + "create index on session_count (session);"


async def test_views_can_be_read_before_any_runner_ran(database: str) -> None:
    log = ReadableLog()
    await asyncio.gather(
        *(
            prepare_projections(database, event_log=log, service="svc", projections=[ToyCounts(), ToyRecord()])
            for _ in range(4)
        )
    )
    async with open_pool(database, name="reader", schema="svc") as pool:
        assert await pool.fetch("select * from session_count") == []
        assert await pool.fetch("select * from stored") == []
    found = await list_projections(database, log=log, service="svc")
    assert [(each.projection, each.generation) for each in found] == [("record", 1), ("toy", 1)]


async def test_the_next_releases_ddl_is_rebuilt_once_while_the_old_release_serves(database: str) -> None:
    log = ReadableLog()
    await write(log, 30)
    old = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts())
    new = ProjectionRunner(log=log, dsn=database, service="svc", projection=NextRelease())
    async with running(old.run()):
        await reached(database, 30)
        for rebuilt in (["toy"], []):
            assert rebuilt == await prepare_projections(
                database, event_log=log, service="svc", projections=[NextRelease()]
            )
        async with running(new.run()):
            await write(log, 10, seed=2)
            await reached(database, 40)
            assert (old.owns, new.owns) == (None, 2)


async def test_a_log_that_was_made_anew_is_followed_from_its_start(database: str) -> None:
    log, another = ReadableLog(), ReadableLog(incarnation="i2")
    await write(log, 30)
    async with running(ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts()).run()):
        await reached(database, 30)
    await write(another, 4)
    assert await prepare_projections(database, event_log=another, service="svc", projections=[ToyCounts()]) == ["toy"]
    async with direct(database) as connection:
        assert await connection.fetchval("select max(last_sequence) from svc.session_count") == 4


@pytest.mark.parametrize(
    ("ddl", "why"),
    [
        ("create table loose (id int);", "primary key"),
        ("create table checkpoint (id int primary key);", "another table"),
        ("create table stored (id int primary key);", "another table"),
        ("create sequence only_this;", "at least one table"),
        ('create table "Loud" (id int primary key);', "not a name"),
    ],
)
async def test_tables_that_cannot_be_are_refused_and_leave_nothing(database: str, ddl: str, why: str) -> None:
    class Wrong(ToyCounts):
        tables = ddl

    await prepare_projections(database, event_log=ReadableLog(), service="svc", projections=[ToyRecord()])
    with pytest.raises(ValueError, match=why):
        await prepare_projections(database, event_log=ReadableLog(), service="svc", projections=[Wrong()])
    async with direct(database) as connection:
        assert await connection.fetchval("select to_regnamespace('svc_toy_g1')") is None
