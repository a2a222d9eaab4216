"""A poison event parks its session and nothing else; a parked session can be replayed without loss."""

import asyncio

import pytest
from tests.support.counted_sessions import folded_undisturbed, reached, rows, run_subject, write
from tests.support.event_log import ReadableLog, a_count
from tests.support.running import running
from tests.support.toy_projection import ToyCounts

from chassis.postgres.parking import ParkedSession, parked_sessions
from chassis.postgres.pool import direct
from chassis.postgres.replay import replay_parked
from chassis.postgres.runner import ProjectionRunner

pytestmark = pytest.mark.integration


def a_runner(log: ReadableLog, dsn: str, projection: ToyCounts) -> ProjectionRunner:
    return ProjectionRunner(log=log, dsn=dsn, service="svc", projection=projection)


async def parked(dsn: str) -> list[ParkedSession]:
    async with direct(dsn) as connection:
        return await parked_sessions(connection, "svc", projection="toy")


async def a_log_with_poison() -> ReadableLog:
    """Sequence 51 is a commit of three events of ses_3, the second of which is poison; more of ses_3 follows."""
    log = ReadableLog()
    await write(log, 50)
    bad = [a_count("ses_3", 1), a_count("ses_3", 2), a_count("ses_3", 3)]
    await log.add(run_subject("ses_3"), *bad)
    await write(log, 50, seed=2)
    return log


async def test_a_poison_event_parks_its_session_and_lets_the_others_go_on(database: str) -> None:
    log = await a_log_with_poison()
    async with running(a_runner(log, database, ToyCounts(poison={"evt_ses_3_2"})).run()):
        await reached(database, 101)
        [session] = await parked(database)
        assert (session.customer, session.subject, session.from_sequence) == ("cus_1", "ses_3", 51)
        assert (session.from_index, session.event_id, session.error_code) == (1, "evt_ses_3_2", "cannot_count")
    good = [row for row in await folded_undisturbed(log, database) if row[1] != "ses_3"][:-1]
    assert [row for row in await rows(database) if row[1] != "ses_3"][:-1] == good


async def test_what_came_before_the_poison_stays_applied(database: str) -> None:
    log = await a_log_with_poison()
    async with running(a_runner(log, database, ToyCounts(poison={"evt_ses_3_2"})).run()):
        await reached(database, 101)
    before = ReadableLog()
    before.commits = log.commits[:50]
    [expected] = [row for row in await folded_undisturbed(before, database) if row[1] == "ses_3"]
    assert expected in await rows(database)


async def test_replaying_gives_the_rows_of_a_projection_that_never_failed(database: str) -> None:
    log = await a_log_with_poison()
    poison = {"evt_ses_3_2"}
    async with running(a_runner(log, database, ToyCounts(poison=poison)).run()):
        await reached(database, 101)
        poison.clear()
        [result] = await replay_parked(database, log=log, service="svc", projection=ToyCounts())
        assert result.error == ""
        assert result.events > 3
        await write(log, 50, seed=3)
        await reached(database, 151)
    assert await parked(database) == []
    assert await rows(database) == await folded_undisturbed(log, database)


async def test_replaying_while_the_session_goes_on_loses_and_doubles_nothing(database: str) -> None:
    log = await a_log_with_poison()
    poison = {"evt_ses_3_2"}

    async def more() -> None:
        for seed in range(3, 40):
            await write(log, 10, seed=seed, sessions=5)
            await asyncio.sleep(0.005)

    async with running(a_runner(log, database, ToyCounts(poison=poison)).run()):
        await reached(database, 101)
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(more())
            poison.clear()
            while not writing.done() and await parked(database):
                await replay_parked(database, log=log, service="svc", projection=ToyCounts())
        await reached(database, len(log.commits))
    assert await rows(database) == await folded_undisturbed(log, database)


async def test_a_replay_that_fails_again_leaves_the_session_where_it_was(database: str) -> None:
    log = await a_log_with_poison()
    async with running(a_runner(log, database, ToyCounts(poison={"evt_ses_3_2"})).run()):
        await reached(database, 101)
        before = await rows(database)
        [result] = await replay_parked(
            database, log=log, service="svc", projection=ToyCounts(poison={"evt_ses_3_2"}), subject="ses_3"
        )
    assert "CannotCount" in result.error
    [session] = await parked(database)
    assert (session.from_sequence, session.attempts) == (51, 2)
    assert await rows(database) == before


async def test_parked_sessions_are_remembered_by_the_next_runner(database: str) -> None:
    log = await a_log_with_poison()
    async with running(a_runner(log, database, ToyCounts(poison={"evt_ses_3_2"})).run()):
        await reached(database, 101)
    await log.add(run_subject("ses_3"), a_count("ses_3", 9))
    before = [row for row in await rows(database) if row[1] == "ses_3"]
    async with running(a_runner(log, database, ToyCounts()).run()):
        await reached(database, 102)
    assert [row for row in await rows(database) if row[1] == "ses_3"] == before


async def test_a_commit_that_does_not_decode_parks_the_session_in_its_subject(database: str) -> None:
    log = ReadableLog()
    await write(log, 20)
    await log.add_raw(run_subject("ses_2"), b'[{"id": "evt_x"')
    await write(log, 20, seed=2)
    await log.add_raw("evt.odd", b"a stray message")
    async with running(a_runner(log, database, ToyCounts()).run()):
        await reached(database, 42)
    first, stray = await parked(database)
    assert (first.customer, first.subject, first.from_sequence, first.error_code) == (
        "cus_1",
        "ses_2",
        21,
        "invalid_commit",
    )
    assert (stray.customer, stray.subject) == ("", "evt.odd")


async def test_several_poisoned_sessions_in_one_batch_each_stop_at_their_own_event(database: str) -> None:
    log = ReadableLog()
    await write(log, 200)
    poison = {f"evt_ses_{session}_10005" for session in (0, 2, 5)}
    async with running(a_runner(log, database, ToyCounts(poison=poison)).run()):
        await reached(database, 200)
    found = await parked(database)
    assert {each.subject for each in found} == {"ses_0", "ses_2", "ses_5"}
    assert {each.event_id for each in found} == poison
    results = await replay_parked(database, log=log, service="svc", projection=ToyCounts())
    assert [each.error for each in results] == ["", "", ""]
    assert await rows(database) == await folded_undisturbed(log, database)
