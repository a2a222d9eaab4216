"""A session is priced by the version that it names, for ever; a correction reads beside what was, and edits nothing."""

from typing import Any

import httpx
import pytest
from tests.support.ledgers import World
from tests.support.price_books import a_book, publish_book
from tests.support.sessions import ScriptedSession, a_session, append
from tests.support.until import until

from chassis.postgres.overview import list_projections
from chassis.postgres.parking import parked_sessions
from chassis.postgres.pool import direct
from chassis.postgres.rebuild import check
from contracts.positions import Position
from contracts.pricing import book_of
from ledger.bootstrap import projections

pytestmark = pytest.mark.integration


async def cost(api: httpx.AsyncClient, script: ScriptedSession, at: Position, **query: Any) -> Any:
    answer = await api.get(
        f"/api/sessions/{script.session}/cost", params={"min_position": at.encode(), "lines": True, **query}
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["amount_nano"] == sum(line["amount_nano"] for line in told["lines"])
    assert {line["price_book"] for line in told["lines"]} == {told["price_book"]}
    return told


def amount(told: Any, times: int) -> int:
    """What the same lines come to by the book that is so many times as dear."""
    book = book_of("v", a_book(times=times))
    priced = [book.amount_nano(one["provider"], one["model"], one["unit"], one["quantity"]) for one in told["lines"]]
    return sum(one or 0 for one in priced)


async def test_sessions_are_priced_by_their_versions_and_corrections_stand_beside(
    api: httpx.AsyncClient, world: World
) -> None:
    acme = world.session.customer
    double = await publish_book(world.log, acme, a_book(times=2))
    own, plain = a_session(price_book=double), a_session(price_book="2026-11")
    at = await append(world.log, [*own.commits, *plain.commits])

    listed = await cost(api, plain, at)
    once, twice, thrice = (amount(listed, times) for times in (1, 2, 3))
    told = await cost(api, own, at)
    assert (told["amount_nano"], told["price_book"], told["admitted_price_book"]) == (twice, double, double)

    triple = await publish_book(world.log, acme, a_book(times=3), corrects=[double])

    async def corrected() -> bool:
        return bool((await cost(api, own, at))["price_book"] == triple)

    await until(corrected, what="the correction is read")
    told = await cost(api, own, at)
    assert (told["amount_nano"], told["admitted_price_book"]) == (thrice, double)
    assert (await cost(api, own, at, price_book=double))["amount_nano"] == twice
    assert (await cost(api, plain, at, price_book=triple))["amount_nano"] == thrice
    assert (await cost(api, plain, at))["amount_nano"] == once

    for unknown in ("1999-01", "f" * 64):
        answer = await api.get(f"/api/sessions/{own.session}/cost", params={"price_book": unknown})
        assert (answer.status_code, answer.json()["code"]) == (404, "price_book_not_found")

    async with direct(world.settings.postgres_dsn) as db:
        stored = await db.fetch("select distinct price_book from ledger.charge where session = $1", own.session)
        assert [row["price_book"] for row in stored] == [double], "what was charged is as it was"

    async def no_lag() -> bool:
        statuses = await list_projections(world.settings.postgres_dsn, log=world.log, service="ledger")
        return all(status.lag == 0 for status in statuses)

    await until(no_lag, what="every read model has caught up")
    for projection in projections(world.settings):
        report = await check(world.settings.postgres_dsn, log=world.log, service="ledger", projection=projection)
        assert report.comparison.differences == [], projection.name


async def test_a_session_that_names_another_customers_version_is_parked_and_the_rest_goes_on(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.postgres.price_books._WAIT_S", 0.2)
    theirs = await publish_book(world.log, world.foreign.customer, a_book(times=5))
    stray, plain = a_session(price_book=theirs), a_session()
    await append(world.log, stray.commits)
    at = await append(world.log, plain.commits)

    assert (await cost(api, plain, at))["amount_nano"] > 0
    async with direct(world.settings.postgres_dsn) as db:
        parked = await parked_sessions(db, "ledger", projection="charges")
    assert [(one.subject, one.error_code) for one in parked] == [(stray.session, "bad_price_book")]
