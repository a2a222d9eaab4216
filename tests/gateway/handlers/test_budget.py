"""Budget and rate, exact over two gateways on one database; and a read model of spending that is what the log says."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from tests.support.gateways import ACME, START, Outside, a_gateway, gateway_settings, outside, seed
from tests.support.price_books import a_book, publish_book
from tests.support.receivers import a_receiver
from tests.support.until import until

from chassis.clock import SystemClock
from chassis.postgres.rebuild import check
from chassis.recording import Origin, Recorder
from contracts.commands.jobs import JobMetadata
from contracts.envelope import decode_commit
from contracts.events import session as events
from contracts.events.limits import LimitsSet
from contracts.events.usage import LlmUsed
from contracts.ids import AgentId, SessionId, TurnId
from contracts.limits import LIMITS_ID, CustomerLimits, limits_subject
from contracts.registry import EventData
from contracts.subjects import CONFIG_WRITER, Log, Writer, session_subject
from gateway.adapters.memory_livekit import MemoryLiveKit
from gateway.bootstrap import projections
from gateway.domain.allowance import month_of
from gateway.settings import Settings

pytestmark = pytest.mark.integration

DOLLAR = 10**9
TOKENS = 1_000
"""Of gpt-4.1, whose output costs 8,000 nano-dollars a token: 0.008 USD a report."""
REPORT = TOKENS * 8_000


class Town:
    """Two gateways, the world around them, and their database."""

    def __init__(
        self, gateways: list[httpx.AsyncClient], world: Outside, settings: Settings, rooms: MemoryLiveKit
    ) -> None:
        self.gateways, self.world, self.settings, self.rooms = gateways, world, settings, rooms
        self._metadata: dict[str, JobMetadata] = {}

    async def limit(self, **limits: Any) -> None:
        """What config appends when limits are set; returns once every gateway holds to it."""
        subject = limits_subject(ACME)
        last = await self.world.log.last(Log.CONFIG, subject)
        number = decode_commit(last.payload)[-1].n + 1 if last else 1
        origin = Origin(customer=ACME, subject=LIMITS_ID, writer=CONFIG_WRITER, source="test")
        told = LimitsSet(number=number, limits=CustomerLimits(**limits))
        envelope = Recorder(origin=origin, clock=SystemClock(), last_n=number - 1).record(told)
        await self.world.log.append(Log.CONFIG, subject, [envelope], expected=last.sequence if last else 0)
        end = await self.world.log.end(Log.CONFIG)
        for gateway in self.gateways:
            await until(partial(_at, gateway, end), what="the gateway has the limits")

    async def start(self, number: int) -> list[httpx.Response]:
        starts = [self.gateways[place % 2].post("/api/session/start", json=START) for place in range(number)]
        return list(await asyncio.gather(*starts))

    async def use(self, session: str, reports: int, *, end: bool = False) -> None:
        """The session's job claims it, uses so many reports' worth, and ends it where it shall."""
        if session not in self._metadata:
            await until(lambda: any(room == session for room, _ in self.rooms.dispatched), what="it is dispatched")
            self._metadata[session] = next(found for room, found in self.rooms.dispatched if room == session)
            await self.world.claim(self._metadata[session])
        used = LlmUsed(
            provider="openai",
            model="gpt-4.1",
            agent=AgentId("triage"),
            turn=TurnId("trn_1"),
            quantities={"output_tokens": TOKENS},
        )
        told: list[EventData] = [used] * reports
        if end:
            told.append(events.SessionEnded(reason="user_left"))
        metadata = self._metadata[session]
        last = await self.world.log.last(
            Log.SESSIONS, session_subject(metadata.customer, SessionId(session), Writer.RUN)
        )
        assert last is not None
        n = decode_commit(last.payload)[-1].n
        await self.world.append_run(metadata, told, last_n=n, expected=last.sequence)

    async def ask(self, query: str, *arguments: Any) -> Any:
        db = await asyncpg.connect(self.settings.postgres_dsn)
        try:
            return await db.fetchval(query, *arguments)
        finally:
            await db.close()

    async def spent(self) -> Decimal:
        found = await self.ask(
            "select coalesce(sum(spent_nano), 0) from gateway.month_spend where customer = $1 and month = $2",
            ACME,
            month_of(SystemClock().now()),
        )
        return Decimal(found)

    async def reads(self) -> None:
        """Until the read models hold all of the log."""
        end = await self.world.log.end(Log.SESSIONS)

        async def caught_up() -> bool:
            found = await self.ask("select sequence from gateway.checkpoint where projection = 'spending'")
            return bool(found >= end)

        await until(caught_up, what="spending holds the log")


async def _at(gateway: httpx.AsyncClient, sequence: int) -> bool:
    reached: bool = await gateway_terms(gateway).reached(sequence, timeout_s=0.1)
    return reached


def gateway_terms(gateway: httpx.AsyncClient) -> Any:
    """The fold of limits inside a gateway, which nothing outside shows."""
    transport = gateway._transport
    assert isinstance(transport, httpx.ASGITransport)
    app: Any = transport.app
    return app.dependencies["admitting"].dependency()._terms


@contextlib.asynccontextmanager
async def a_town(nats_url: str, database: str, *, slot_sweep_s: float = 5) -> AsyncIterator[Town]:
    settings = gateway_settings(nats_url, database, development_reach_loopback=True)
    key = await seed(settings)
    rooms = MemoryLiveKit()
    async with (
        a_gateway(settings, key, rooms=rooms, slot_sweep_s=slot_sweep_s) as one,
        a_gateway(settings, key, rooms=rooms, slot_sweep_s=slot_sweep_s) as two,
        outside(nats_url, rooms) as world,
    ):
        yield Town([one, two], world, settings, rooms)


def codes(answers: list[httpx.Response]) -> Counter[tuple[int, str]]:
    return Counter((answer.status_code, answer.json().get("code", "")) for answer in answers)


def sessions(answers: list[httpx.Response]) -> list[str]:
    return [answer.json()["session_id"] for answer in answers if answer.status_code == 201]


async def test_starts_at_once_over_two_gateways_never_hold_back_more_than_the_month_has(
    nats_url: str, database: str
) -> None:
    async with a_town(nats_url, database) as town, a_receiver() as receiver:
        hook = await town.gateways[0].post("/api/webhooks", json={"url": receiver.url, "events": ["limit.reached"]})
        assert hook.status_code == 201
        await town.limit(monthly_budget_nano=DOLLAR, session_budget_nano=DOLLAR // 10)

        answers = await town.start(40)
        assert codes(answers) == {(201, ""): 10, (402, "budget_exhausted"): 30}
        refused = next(answer for answer in answers if answer.status_code == 402)
        assert "0.000000 USD" in refused.json()["detail"]
        assert "retry-after" not in refused.headers
        assert await town.world.count() == 10
        admitted = sessions(answers)

        # One spends half of what it has and goes on; one spends a little and ends, and gives back the rest.
        await town.use(admitted[0], 5)
        await town.use(admitted[1], 1, end=True)
        await town.reads()
        assert await town.spent() == 6 * REPORT
        freed = DOLLAR // 10 - REPORT
        assert codes(await town.start(4)) == {(402, "budget_exhausted"): 4}, f"{freed} is less than a tenth"

        # The budget is raised by a little: with what was given back it is enough for one.
        await town.limit(monthly_budget_nano=DOLLAR + REPORT, session_budget_nano=DOLLAR // 10)
        again = await town.start(12)
        assert codes(again) == {(201, ""): 1, (402, "budget_exhausted"): 11}

        # Whatever is used counts, also what is beyond a budget.
        for session in [*admitted[2:5], *sessions(again)]:
            await town.use(session, 13, end=True)
        await town.reads()
        assert await town.spent() == (6 + 4 * 13) * REPORT
        assert codes(await town.start(6)) == {(402, "budget_exhausted"): 6}
        await town.limit(monthly_budget_nano=2 * DOLLAR, session_budget_nano=DOLLAR // 10)
        left = 2 * DOLLAR - (6 + 4 * 13) * REPORT - (DOLLAR // 10 - 5 * REPORT) - 5 * DOLLAR // 10
        assert left // (DOLLAR // 10) == 9
        assert codes(await town.start(12)) == {(201, ""): 9, (402, "budget_exhausted"): 3}

        await until(lambda: len(receiver.received) == 1, what="the customer is told")
        told = receiver.received[0].body
        month = month_of(SystemClock().now())
        assert (told["type"], told["data"]["limit"], told["data"]["month"]) == (
            "limit.reached",
            "monthly_budget",
            month,
        )
        assert (told["data"]["value"], told["data"]["currency"]) == (DOLLAR, "USD")
        assert await town.ask("select count(*) from gateway.delivery") == 1, "once a month, whoever is refused"

        await town.reads()
        for projection in projections(town.settings):
            report = await check(
                town.settings.postgres_dsn, log=town.world.log, service="gateway", projection=projection
            )
            assert report.comparison.differences == [], projection.name


async def test_what_was_held_back_for_a_session_that_never_began_is_free_again(nats_url: str, database: str) -> None:
    async with a_town(nats_url, database, slot_sweep_s=0.2) as town:
        await town.limit(monthly_budget_nano=DOLLAR, session_budget_nano=DOLLAR)
        await town.ask(
            "with taken as (insert into gateway.slot (session, customer, taken_at)"
            " values ('ses_stuck', $1, now() - interval '31 s'))"
            " insert into gateway.reservation (session, customer, currency, budget_nano)"
            " values ('ses_stuck', $1, 'USD', 1)",
            ACME,
        )
        await until(lambda: town.world.has("ses_stuck", "refused"), what="the stuck session is refused")
        await town.reads()
        assert codes(await town.start(2)) == {(201, ""): 1, (402, "budget_exhausted"): 1}
        assert await town.ask("select count(*) from gateway.reservation where session = 'ses_stuck'") == 0


async def test_a_session_names_its_prices_and_its_budget_and_is_counted_by_them(nats_url: str, database: str) -> None:
    async with a_town(nats_url, database) as town:
        double = await publish_book(town.world.log, ACME, a_book(times=2))
        await town.limit(session_budget_nano=3 * DOLLAR, max_session_budget_nano=4 * DOLLAR)
        (session,) = sessions(await town.start(1))
        requested = msgspec.json.decode((await town.world.events(session))[0].data)
        assert (requested["price_book"], requested["limits"]["budget_nano"]) == (double, 3 * DOLLAR)
        await town.use(session, 1)
        await town.reads()
        assert await town.spent() == 2 * REPORT

        await town.limit(monthly_budget_nano=DOLLAR, currency="EUR")
        assert codes(await town.start(2)) == {(409, "budget_in_other_currency"): 2}
        await town.limit(max_sessions=1)
        assert codes(await town.start(2)) == {(429, "too_many_sessions"): 2}

        report = await check(
            town.settings.postgres_dsn,
            log=town.world.log,
            service="gateway",
            projection=projections(town.settings)[2],
        )
        assert report.comparison.differences == []
        assert report.comparison.rows > 0


async def test_a_rate_is_one_for_all_gateways_and_says_when_to_ask_again(nats_url: str, database: str) -> None:
    async with a_town(nats_url, database) as town:
        await town.limit(starts_per_minute=6, starts_per_minute_per_key=5)
        answers = await town.start(30)
        assert codes(answers) == {(201, ""): 5, (429, "too_many_starts"): 25}
        for answer in answers:
            told = ", ".join(answer.headers.get_list("ratelimit-policy"))
            assert '"starts";q=6;w=60, "starts-per-key";q=5;w=60' in told
            assert '"customer";q=12000;w=60' in told
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert 1 <= int(refused.headers["retry-after"]) <= 12
        assert '"starts-per-key";r=0' in ", ".join(refused.headers.get_list("ratelimit"))
        await town.ask(
            "update gateway.start_bucket set filled_at = filled_at - interval '12.5 s' where kind = 'starts-per-key'"
        )
        assert codes(await town.start(4)) == {(201, ""): 1, (429, "too_many_starts"): 3}
