"""The projection runner counts every event exactly once, through kills, rivals and zombies."""

import asyncio
import random

import pytest
from tests.support.counted_sessions import folded_undisturbed, reached, rows, run_subject, write
from tests.support.event_log import ReadableLog
from tests.support.running import running
from tests.support.toy_projection import CannotCount, ToyCounts, ToyRecord
from tests.support.until import until

from chassis.clock import SystemClock
from chassis.postgres.applying import Applier
from chassis.postgres.bookkeeping import live_checkpoint
from chassis.postgres.faults import Fenced, LogReplaced
from chassis.postgres.pool import direct
from chassis.postgres.runner import BatchApplied, ProjectionRunner

pytestmark = pytest.mark.integration


async def test_a_read_model_follows_the_log(database: str) -> None:
    log = ReadableLog()
    heard: list[BatchApplied] = []
    runner = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts(), on_batch=heard.append)
    await write(log, 50)
    async with running(runner.run()):
        await reached(database, 50)
        await write(log, 50, seed=2)
        await reached(database, 100)
    assert await rows(database) == await folded_undisturbed(log, database)
    assert sum(each.commits for each in heard) == 100
    assert heard[-1].sequence == 100


async def test_killed_at_random_points_it_counts_every_event_exactly_once(database: str) -> None:
    log = ReadableLog()
    rng = random.Random(20)
    async with direct(database) as admin, asyncio.TaskGroup() as group:
        group.create_task(_write_slowly(log, 600))
        while len(log.commits) < 600:
            runner = ProjectionRunner(
                log=log, dsn=database, service="svc", projection=ToyCounts(), batch_commits=rng.choice([1, 7, 40])
            )
            async with running(runner.run()):
                await asyncio.sleep(rng.uniform(0.01, 0.12))
                if rng.random() < 0.5:
                    # The server ends its connection, wherever it is: in a transaction, at its commit, or idle.
                    await admin.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'svc.toy'"
                    )
    runner = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts())
    async with running(runner.run()):
        await reached(database, 600)
    assert await rows(database) == await folded_undisturbed(log, database)


async def _write_slowly(log: ReadableLog, count: int) -> None:
    for seed in range(count // 10):
        await write(log, 10, seed=seed + 1)
        await asyncio.sleep(0.02)


async def test_two_runners_have_one_owner_and_the_other_takes_over(database: str) -> None:
    log = ReadableLog()
    first = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts())
    second = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts())
    async with running(first.run()) as [task]:
        await until(lambda: first.owns is not None)
        async with running(second.run()):
            await write(log, 30)
            await reached(database, 30)
            assert second.owns is None
            task.cancel()
            await until(lambda: second.owns is not None)
            await write(log, 30, seed=2)
            await reached(database, 60)
    assert await rows(database) == await folded_undisturbed(log, database)


async def test_a_zombie_with_an_old_checkpoint_is_refused_and_writes_nothing(database: str) -> None:
    log = ReadableLog()
    runner = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts())
    async with running(runner.run()):
        await write(log, 10)
        await reached(database, 10)
    async with direct(database) as connection:
        checkpoint = await live_checkpoint(connection, "svc", "toy")
        assert checkpoint is not None
        zombie = Applier(
            connection=connection,
            service="svc",
            projection=ToyCounts(),
            checkpoint=checkpoint,
            state="live",
            clock=SystemClock(),
        )
        await zombie.open()
        await write(log, 10, seed=2)
        async with running(runner.run()):
            await reached(database, 20)
        before = await rows(database)
        with pytest.raises(Fenced):
            await zombie.advance(log.commits[10:15])
    assert await rows(database) == before


async def test_a_log_that_was_made_anew_stops_the_runner(database: str) -> None:
    log = ReadableLog()
    await write(log, 3)
    async with running(ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyCounts()).run()):
        await reached(database, 3)
    another = ReadableLog(incarnation="i2")
    with pytest.raises(LogReplaced):
        await asyncio.wait_for(
            ProjectionRunner(log=another, dsn=database, service="svc", projection=ToyCounts()).run(), 5
        )


async def test_the_record_holds_the_bytes_and_never_parks(database: str) -> None:
    log = ReadableLog()
    await write(log, 5)
    await log.add_raw(run_subject("ses_1"), b"not a commit")
    runner = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyRecord(failures=2))
    async with running(runner.run()):
        await reached(database, 6, name="record")
    async with direct(database) as connection:
        stored = await connection.fetch("select payload from svc.stored order by sequence")
        assert [row["payload"] for row in stored] == [each.payload for each in log.commits]
        assert await connection.fetchval("select count(*) from svc.parked") == 0


async def test_the_record_stops_when_it_cannot_be_written(database: str) -> None:
    log = ReadableLog()
    await write(log, 5)
    runner = ProjectionRunner(log=log, dsn=database, service="svc", projection=ToyRecord(failures=99))
    with pytest.raises(CannotCount):
        await asyncio.wait_for(runner.run(), 5)
