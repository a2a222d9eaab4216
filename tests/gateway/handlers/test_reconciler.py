"""The reconciler over a real NATS and PostgreSQL, with a LiveKit in memory whose faults a test chooses."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from tests.support.gateways import START, Outside, a_gateway, a_webhook, deliver, gateway_settings, outside, seed
from tests.support.running import running
from tests.support.until import until

from chassis.nats.requests import ask
from chassis.postgres.rebuild import check
from chassis.settings import BadSettings
from contracts.commands.jobs import JobDeathTaken, JobDied, JobMetadata
from contracts.events.session import JobLost, SessionEnded
from contracts.ids import SessionId
from contracts.registry import decode_data
from contracts.subjects import JOB_DEATH, Log, Writer, session_subject
from contracts.template_version import Limits
from gateway.adapters.memory_livekit import MemoryLiveKit
from gateway.bootstrap import open_service
from gateway.domain.reconcile import Timers
from gateway.read_models.session_index import SessionIndex

pytestmark = pytest.mark.integration

QUICK = Timers(agent_wait_s=1, claim_wait_s=2, linger_s=0, connect_s=1, all_silent_s=4)


@contextlib.asynccontextmanager
async def a_stage(
    nats_url: str, database: str, *, rooms: bool = True, join_timeout_s: int = 60, **draft: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, Outside, MemoryLiveKit]]:
    """One gateway with short timers, and the world around it."""
    settings = gateway_settings(nats_url, database, rooms=rooms)
    key = await seed(settings, limits=Limits(join_timeout_s=join_timeout_s), **draft)
    livekit = MemoryLiveKit()
    async with (
        a_gateway(settings, key, rooms=livekit if rooms else None, timers=QUICK) as gateway,
        outside(nats_url, livekit) as world,
    ):
        yield gateway, world, livekit


async def a_session(gateway: httpx.AsyncClient) -> SessionId:
    return SessionId((await gateway.post("/api/session/start", json=START)).json()["session_id"])


async def a_call(gateway: httpx.AsyncClient, world: Outside, livekit: MemoryLiveKit) -> JobMetadata:
    """A session whose job has claimed and whose user is there, by webhook."""
    session = await a_session(gateway)
    await until(lambda: any(room == session for room, _ in livekit.dispatched), what="the dispatch")
    metadata = next(metadata for room, metadata in livekit.dispatched if room == session)
    assert await world.claim(metadata, job=f"AJ_{session}") is not None
    await user_joins(gateway, livekit, metadata)
    return metadata


async def user_joins(gateway: httpx.AsyncClient, livekit: MemoryLiveKit, metadata: JobMetadata) -> None:
    person = livekit.join(metadata.session, metadata.identity)
    body = a_webhook(
        "participant_joined", metadata.session, participant={"identity": person.identity, "sid": person.sid}
    )
    assert (await deliver(gateway, body)).status_code == 200


async def beats(world: Outside, *jobs: tuple[SessionId, int]) -> None:
    while True:
        for session, epoch in jobs:
            await world.beat(session, epoch)
        await asyncio.sleep(0.3)


async def slots(database: str) -> int:
    db = await asyncpg.connect(database)
    try:
        return int(await db.fetchval("select count(*) from gateway.slot"))
    finally:
        await db.close()


async def end_of(world: Outside, session: SessionId) -> SessionEnded:
    """The one end of a session that has closed."""
    told = [one for one in await world.events(session, Writer.RUN) if one.type == "session.ended"]
    assert len(told) == 1
    ended = decode_data(told[0])
    assert isinstance(ended, SessionEnded)
    assert (await world.types(session, Writer.ADMISSION)).count("closed") == 1
    assert (await world.types(session, Writer.ADMISSION))[-1] == "closed"
    return ended


async def closed(world: Outside, session: SessionId, *, timeout_s: float = 20) -> None:
    await until(lambda: world.has(session, "closed"), timeout_s=timeout_s, what="the session is closed")


async def test_a_worker_that_registers_after_the_start_gets_exactly_one_agent_into_the_room(
    nats_url: str, database: str
) -> None:
    async with a_stage(nats_url, database) as (gateway, world, livekit):
        session = await a_session(gateway)
        await until(lambda: len(livekit.dispatched) == 1)
        await user_joins(gateway, livekit, livekit.dispatched[0][1])

        claims: list[str | None] = []

        async def worker(_room: str, metadata: JobMetadata) -> None:
            claims.append(await world.claim(metadata))

        livekit.worker = worker
        await until(lambda: bool(claims), timeout_s=5, what="the dispatch is sent again")
        async with running(beats(world, (session, 1))):
            with contextlib.suppress(AssertionError):
                await until(lambda: len(livekit.dispatched) > 2, timeout_s=3)

        assert claims == ["agent-AJ_1"]
        assert [metadata.epoch for _, metadata in livekit.dispatched] == [1, 1]
        assert [one.identity for one in livekit.rooms[session].participants.values() if one.agent] == ["agent-AJ_1"]


async def test_at_join_the_job_is_dispatched_when_the_user_comes(nats_url: str, database: str) -> None:
    async with a_stage(nats_url, database, dispatch="at_join") as (gateway, world, livekit):
        session = await a_session(gateway)
        await until(lambda: session in livekit.rooms, what="the room is made")
        assert livekit.dispatched == []

        requested = (await world.events(session))[0]
        identity = decode_data(requested).identity  # type: ignore[attr-defined]
        person = livekit.join(session, identity)
        await deliver(
            gateway, a_webhook("participant_joined", session, participant={"identity": identity, "sid": person.sid})
        )
        await until(lambda: len(livekit.dispatched) == 1, timeout_s=3, what="the dispatch")


async def test_an_intruding_agent_leaves_at_once(nats_url: str, database: str) -> None:
    async with a_stage(nats_url, database) as (gateway, world, livekit):
        metadata = await a_call(gateway, world, livekit)
        async with running(beats(world, (metadata.session, 1))):
            intruder = livekit.join(metadata.session, "agent-AJ_intruder", agent=True)
            told = {"identity": intruder.identity, "sid": intruder.sid, "kind": "AGENT"}
            await deliver(gateway, a_webhook("participant_joined", metadata.session, participant=told))
            await until(lambda: bool(livekit.removed), timeout_s=2, what="the intruder is out")

        assert livekit.removed == [(metadata.session, intruder.identity)]
        assert not await world.has(metadata.session, "ended")


async def test_nobody_within_the_join_timeout_ends_as_a_no_show_and_gives_its_slot_back(
    nats_url: str, database: str
) -> None:
    async with a_stage(nats_url, database, join_timeout_s=1) as (gateway, world, livekit):
        session = await a_session(gateway)
        await closed(world, session)

        assert (await end_of(world, session)).reason == "no_show"
        assert session not in livekit.rooms
        await until(lambda: _is_zero(database), what="the slot is given back")


async def _is_zero(database: str) -> bool:
    return await slots(database) == 0


async def test_a_reported_death_gives_the_session_its_one_end(nats_url: str, database: str) -> None:
    async with a_stage(nats_url, database) as (gateway, world, livekit):
        metadata = await a_call(gateway, world, livekit)
        session = metadata.session
        died = JobDied(
            session=session,
            customer=metadata.customer,
            epoch=1,
            job_id=f"AJ_{session}",
            participant=f"agent-AJ_{session}",
            exit_code=-9,
        )
        answers = await asyncio.gather(
            *(ask(world.nats, JOB_DEATH, died, JobDeathTaken, timeout_s=10) for _ in range(3))
        )
        await closed(world, session)

        assert "ended" in {answer.action for answer in answers}
        assert (await end_of(world, session)).reason == "job_lost"
        assert await world.types(session, Writer.RUN) == ["job_claimed", "started", "job_claimed", "ended"]
        lost = [decode_data(one) for one in await world.events(session) if one.type == "session.job_lost"]
        assert lost == [JobLost(epoch=1, cause="process_died")]
        assert livekit.removed == [(session, f"agent-AJ_{session}")]
        await until(lambda: _is_zero(database), what="the slot is given back")


async def test_the_death_of_a_job_that_lost_the_claim_changes_nothing(nats_url: str, database: str) -> None:
    async with a_stage(nats_url, database) as (gateway, world, livekit):
        metadata = await a_call(gateway, world, livekit)
        died = JobDied(
            session=metadata.session, customer=metadata.customer, epoch=1, job_id="AJ_other", participant="agent-other"
        )
        answer = await ask(world.nats, JOB_DEATH, died, JobDeathTaken, timeout_s=10)

        assert answer.action == "nothing"
        assert not await world.has(metadata.session, "ended")


async def test_a_job_that_alone_falls_silent_is_lost_and_the_others_are_not(nats_url: str, database: str) -> None:
    async with a_stage(nats_url, database) as (gateway, world, livekit):
        silent = await a_call(gateway, world, livekit)
        other = await a_call(gateway, world, livekit)
        async with running(beats(world, (other.session, 1))):
            await closed(world, silent.session)

            assert (await end_of(world, silent.session)).reason == "job_lost"
            assert not await world.has(other.session, "ended")


async def test_when_all_jobs_fall_silent_nobody_is_lost_whom_livekit_still_has(nats_url: str, database: str) -> None:
    async with a_stage(nats_url, database) as (gateway, world, livekit):
        metadata = await a_call(gateway, world, livekit)
        with pytest.raises(AssertionError):
            await until(lambda: world.has(metadata.session, "ended"), timeout_s=6)
        livekit.leave(metadata.session, f"agent-AJ_{metadata.session}")
        await closed(world, metadata.session)

        assert (await end_of(world, metadata.session)).reason == "job_lost"


async def test_a_livekit_that_forgot_everything_ends_the_sessions_whose_jobs_are_gone(
    nats_url: str, database: str
) -> None:
    async with a_stage(nats_url, database) as (gateway, world, livekit):
        metadata = await a_call(gateway, world, livekit)
        livekit.restart()
        await closed(world, metadata.session)

        assert (await end_of(world, metadata.session)).reason == "room_gone"


async def test_the_jobs_own_end_is_followed_by_the_rooms_and_the_closing(nats_url: str, database: str) -> None:
    async with a_stage(nats_url, database) as (gateway, world, livekit):
        metadata = await a_call(gateway, world, livekit)
        claim = await world.log.last(Log.SESSIONS, session_subject(metadata.customer, metadata.session, Writer.RUN))
        assert claim is not None
        await world.append_run(metadata, [SessionEnded(reason="agent_ended")], last_n=2, expected=claim.sequence)
        await closed(world, metadata.session)

        assert (await end_of(world, metadata.session)).reason == "agent_ended"
        assert metadata.session not in livekit.rooms


async def test_two_gateways_give_a_lost_session_one_end(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    livekit = MemoryLiveKit()
    async with (
        a_gateway(settings, key, rooms=livekit, timers=QUICK) as gateway,
        a_gateway(settings, key, rooms=livekit, timers=QUICK),
        outside(nats_url, livekit) as world,
    ):
        calls = [await a_call(gateway, world, livekit) for _ in range(4)]
        livekit.restart()
        for metadata in calls:
            await closed(world, metadata.session)
            assert (await end_of(world, metadata.session)).reason == "room_gone"
            assert (await world.types(metadata.session, Writer.RUN)).count("job_claimed") == 2
        await until(lambda: _is_zero(database), what="all slots are given back")


async def test_a_gateway_that_starts_again_goes_on_where_the_log_stands(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    livekit = MemoryLiveKit()
    async with outside(nats_url, livekit) as world:
        async with a_gateway(settings, key, rooms=livekit, timers=QUICK) as gateway:
            metadata = await a_call(gateway, world, livekit)
            await until(lambda: indexed(database, "live"), what="the index has the session")
        livekit.restart()
        async with a_gateway(settings, key, rooms=livekit, timers=QUICK):
            await closed(world, metadata.session)

            assert (await end_of(world, metadata.session)).reason == "room_gone"
            await until(lambda: _is_zero(database), what="the slot is given back")


async def indexed(database: str, status: str) -> bool:
    db = await asyncpg.connect(database)
    try:
        return bool(await db.fetchval("select status from gateway.session_index") == status)
    finally:
        await db.close()


class TestRoomless:
    async def test_a_session_that_nobody_claims_is_a_no_show(self, nats_url: str, database: str) -> None:
        async with a_stage(nats_url, database, rooms=False, join_timeout_s=1) as (gateway, world, _):
            session = await a_session(gateway)
            await closed(world, session)

            assert (await end_of(world, session)).reason == "no_show"

    async def test_a_session_whose_holder_falls_silent_is_lost(self, nats_url: str, database: str) -> None:
        async with a_stage(nats_url, database, rooms=False) as (gateway, world, _):
            session = await a_session(gateway)
            await world.claim(await metadata_of(world, session))
            await closed(world, session, timeout_s=15)

            assert (await end_of(world, session)).reason == "job_lost"

    async def test_a_session_whose_holder_beats_goes_on(self, nats_url: str, database: str) -> None:
        async with a_stage(nats_url, database, rooms=False, join_timeout_s=1) as (gateway, world, _):
            session = await a_session(gateway)
            await world.claim(await metadata_of(world, session))
            async with running(beats(world, (session, 1))):
                with pytest.raises(AssertionError):
                    await until(lambda: world.has(session, "ended"), timeout_s=6)


async def metadata_of(world: Outside, session: SessionId) -> JobMetadata:
    told = (await world.events(session))[0]
    requested = decode_data(told)
    return JobMetadata(
        session=session,
        customer=told.customer,
        epoch=1,
        version=requested.version,  # type: ignore[attr-defined]
        keyid=told.keyid,
        identity=requested.identity,  # type: ignore[attr-defined]
        livemode=False,
    )


async def test_a_gateway_without_a_usable_master_key_does_not_open(nats_url: str, database: str) -> None:
    for wrong in ("", "zz", "ab" * 31):
        with pytest.raises(BadSettings, match="BATON_MASTER_KEY"):
            async with open_service(gateway_settings(nats_url, database, master_key=wrong)):
                pass


async def test_livekit_out_of_reach_does_not_hold_back_an_end(nats_url: str, database: str) -> None:
    async with a_stage(nats_url, database) as (gateway, world, livekit):
        metadata = await a_call(gateway, world, livekit)
        livekit.down = True
        died = JobDied(
            session=metadata.session,
            customer=metadata.customer,
            epoch=1,
            job_id=f"AJ_{metadata.session}",
            participant=f"agent-AJ_{metadata.session}",
        )
        answer = await ask(world.nats, JOB_DEATH, died, JobDeathTaken, timeout_s=10)

        assert answer.action == "ended"
        await until(lambda: _is_zero(database), what="the slot is given back")
        assert not await world.has(metadata.session, "closed")
        livekit.down = False
        await closed(world, metadata.session)


async def test_the_index_of_sessions_equals_its_rebuild_and_holds_no_name(nats_url: str, database: str) -> None:
    async with a_stage(nats_url, database) as (gateway, world, livekit):
        metadata = await a_call(gateway, world, livekit)
        await gateway.post(f"/api/session/{metadata.session}/end")
        await closed(world, metadata.session)
        await until(lambda: indexed(database, "closed"), what="the index has the closing")

        report = await check(database, log=world.log, service="gateway", projection=SessionIndex())
        assert report.equal
        db = await asyncpg.connect(database)
        row = dict(await db.fetchrow("select * from gateway.session_index") or {})
        await db.close()
        assert (row["end_reason"], row["epoch"], row["claimed_epoch"]) == ("operator_ended", 2, 2)
        assert "Anna Secret" not in str(row)
