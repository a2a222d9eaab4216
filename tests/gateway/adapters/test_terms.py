"""What binds a customer's starts, as the log of configuration tells it."""

import asyncio

import pytest
from tests.support.price_books import a_book, publish_book

from chassis.clock import SystemClock
from chassis.memory.event_log import MemoryEventLog
from chassis.recording import Origin, Recorder
from contracts.events.customer import CustomerCapped, CustomerCreated
from contracts.events.limits import LimitsSet
from contracts.ids import CustomerId
from contracts.limits import LIMITS_ID, CustomerLimits, limits_subject
from contracts.registry import EventData
from contracts.subjects import CONFIG_WRITER, Log, config_subject
from gateway.adapters.terms import CustomerTerms
from gateway.domain.allowance import Terms

pytestmark = pytest.mark.unit

ACME, OTHER = CustomerId("acme"), CustomerId("other")


async def tell(log: MemoryEventLog, customer: CustomerId, subject: str, id: str, *told: EventData) -> int:
    origin = Origin(customer=customer, subject=id, writer=CONFIG_WRITER, source="test")
    recorder = Recorder(origin=origin, clock=SystemClock())
    position = await log.append(Log.CONFIG, subject, [recorder.record(data) for data in told], expected=0)
    return position.sequence


async def test_limits_caps_and_price_books_are_each_customers_own_and_the_latest() -> None:
    log = MemoryEventLog()
    created, capped = CustomerCreated(name="Acme", max_sessions=9), CustomerCapped(max_sessions=4, max_monthly_nano=7)
    await tell(log, ACME, config_subject(ACME, "customer", ACME), ACME, created, capped)
    version = await publish_book(log, ACME, a_book(times=2))
    limits = [CustomerLimits(max_sessions=number) for number in (2, 3)]
    told = [LimitsSet(number=number, limits=one) for number, one in enumerate(limits, start=1)]
    end = await tell(log, ACME, limits_subject(ACME), LIMITS_ID, *told)

    terms = CustomerTerms(event_log=log, max_sessions=100)
    following = asyncio.create_task(terms.follow())
    try:
        assert await terms.reached(end, timeout_s=5)
    finally:
        following.cancel()
    found = terms.of(ACME)
    assert (found.max_sessions, found.max_monthly_nano, found.limits) == (4, 7, limits[1])
    (published,) = found.book.versions
    assert (published.version, published.content.currency) == (version, "USD")
    assert published.content.entries == [], "prices are read where something is priced"
    assert terms.of(OTHER) == Terms(max_sessions=100)
