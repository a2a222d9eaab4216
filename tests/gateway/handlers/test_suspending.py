"""A suspended customer over real gateways: its live sessions end, and none begins, in whatever order things happen."""

import asyncio

import httpx
import pytest
from tests.support.gateways import ACME, OTHER, START, Outside, a_gateway, gateway_settings, outside, seed
from tests.support.until import until

from chassis.clock import SystemClock
from chassis.nats.requests import serve
from config.domain.customer import Cap, Command, Resume, Suspend
from config.handlers.customers import Customers
from contracts.commands.jobs import JobMetadata
from contracts.commands.live import End, LiveAnswer, LiveDone, LiveRefused, LiveRequest
from contracts.events.session import SessionEnded
from contracts.ids import SessionId
from contracts.registry import decode_data
from contracts.subjects import Log, Writer, live_session_subject, session_subject
from gateway.adapters.memory_livekit import MemoryLiveKit

pytestmark = pytest.mark.integration

OURS = ("customer_suspended", "op_grace")
PATIENCE_S = 1.0


class Job:
    """A live job: it says that it ends, and does so when the test lets it."""

    def __init__(self, world: Outside, metadata: JobMetadata) -> None:
        self._world, self._metadata = world, metadata
        self.asked: list[LiveRequest] = []

    async def answer(self, request: LiveRequest) -> LiveAnswer:
        self.asked.append(request)
        if len(self.asked) == 1:
            return LiveDone()
        return LiveRefused(code="session_over", message="the session is ending or has ended")

    async def say_goodbye(self) -> None:
        subject = session_subject(self._metadata.customer, self._metadata.session, Writer.RUN)
        last = await self._world.log.last(Log.SESSIONS, subject)
        assert last is not None
        n = (await self._world.events(self._metadata.session, Writer.RUN))[-1].n
        ended = SessionEnded(reason="customer_suspended", duration_ms=5)
        await self._world.append_run(self._metadata, [ended], last_n=n, expected=last.sequence)


async def operate(world: Outside, command: Command) -> None:
    await Customers(log=world.log, clock=SystemClock(), source="test").write("op_grace", ACME, command)


async def starts(gateway: httpx.AsyncClient, key: str | None = None) -> SessionId:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = await gateway.post("/api/session/start", json=START, headers=headers)
    assert answer.status_code == 201, answer.text
    session: SessionId = answer.json()["session_id"]
    return session


async def refusal(gateway: httpx.AsyncClient) -> tuple[int, str]:
    answer = await gateway.post("/api/session/start", json=START)
    return answer.status_code, answer.json().get("code", "")


async def ends(world: Outside, session: str) -> list[tuple[str, str]]:
    """Reason and actor of every end of a session."""
    told = [(one, decode_data(one)) for one in await world.events(session, Writer.RUN)]
    return [(data.reason, one.actor) for one, data in told if isinstance(data, SessionEnded)]


async def test_a_suspension_ends_live_sessions_politely_and_lets_none_in_until_it_is_over(
    nats_url: str, database: str
) -> None:
    settings = gateway_settings(nats_url, database)
    key, stranger = await seed(settings), await seed(settings, customer=OTHER)
    rooms = MemoryLiveKit()
    patience = {"suspension_patience_s": PATIENCE_S}
    async with (
        a_gateway(settings, key, rooms=rooms, **patience) as one,
        a_gateway(settings, key, rooms=rooms, **patience) as two,
        outside(nats_url, rooms) as world,
    ):
        unserved, polite, deaf, foreign = [await starts(one) for _ in range(3)] + [await starts(two, stranger)]
        await until(lambda: len(rooms.dispatched) == 4, what="all jobs are asked for")
        served = {room: metadata for room, metadata in rooms.dispatched if room in (polite, deaf)}
        jobs = {room: Job(world, metadata) for room, metadata in served.items()}
        for room, metadata in served.items():
            assert await world.claim(metadata, job=f"AJ_{room}") is not None
            await serve(world.nats, live_session_subject(metadata.session), LiveRequest, jobs[room].answer, queue=None)
        started = await one.post("/api/session/start", json=START)

        await operate(world, Suspend("unpaid"))
        await until(lambda: bool(jobs[polite].asked), what="the polite job is asked")
        await jobs[polite].say_goodbye()
        for session in (unserved, deaf, started.json()["session_id"]):

            async def over(session: str = session) -> bool:
                return await ends(world, session) == [OURS]

            await until(over, what=f"{session} has ended")
        assert await ends(world, polite) == [("customer_suspended", "")], "its own end stands, and is the only one"
        assert {
            request.command.reason for job in jobs.values() for request in job.asked if isinstance(request.command, End)
        } == {"customer_suspended"}
        for gateway in (one, two):
            assert await refusal(gateway) == (403, "customer_suspended")
        again = {"resume_token": started.json()["resume_token"]}
        token = await one.post(f"/api/session/{started.json()['session_id']}/token", json=again)
        assert (token.status_code, token.json()["code"]) == (403, "customer_suspended")
        assert await ends(world, foreign) == [], "another customer's call goes on"

        await operate(world, Resume())
        await until(lambda: let_in(one), what="the customer is let in again")
        mine = await starts(two)
        assert await ends(world, mine) == []


async def let_in(gateway: httpx.AsyncClient) -> bool:
    return (await gateway.post("/api/session/start", json=START)).status_code == 201


async def test_sessions_that_start_while_the_suspension_is_written_end_too_and_one_during_an_outage_acts_later(
    nats_url: str, database: str
) -> None:
    settings = gateway_settings(nats_url, database, rooms=False)
    key = await seed(settings)
    async with outside(nats_url) as world:
        async with a_gateway(settings, key) as one, a_gateway(settings, key) as two:
            answers = await asyncio.gather(
                *(one.post("/api/session/start", json=START) for _ in range(10)),
                operate(world, Suspend("fraud")),
                *(two.post("/api/session/start", json=START) for _ in range(10)),
            )
            started = [answer for answer in answers if answer is not None]
            assert {answer.status_code for answer in started} <= {201, 403}
            for session in [answer.json()["session_id"] for answer in started if answer.status_code == 201]:

                async def over(session: str = session) -> bool:
                    return await ends(world, session) == [OURS]

                await until(over, what=f"{session} has ended")
            await operate(world, Resume())
            await until(lambda: let_in(one), what="the customer is let in again")
            live = await starts(one)
        await operate(world, Suspend("unpaid"))
        await operate(world, Resume())
        async with a_gateway(settings, key) as one:

            async def ended_at_last() -> bool:
                return await ends(world, live) == [OURS]

            await until(ended_at_last, what="what was open before the suspension has ended")
            await starts(one)


async def test_a_cap_acts_on_the_next_start_and_ends_nothing(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database, rooms=False)
    key = await seed(settings)
    async with a_gateway(settings, key) as gateway, outside(nats_url) as world:
        live = [await starts(gateway) for _ in range(2)]
        await operate(world, Cap(1))

        async def capped() -> bool:
            return await refusal(gateway) == (429, "too_many_sessions")

        await until(capped, what="the cap is known")
        await operate(world, Cap(100))
        await until(lambda: let_in(gateway), what="the cap is lifted")
        assert [await ends(world, session) for session in live] == [[], []]
