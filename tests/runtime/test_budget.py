"""A session's budget: counted by the prices that it names, it ends the call politely and at most one turn late."""

from typing import Any

import msgspec
import pytest
from tests.support.price_books import publish_book
from tests.support.runtime_calls import ACall, a_call
from tests.support.runtime_sessions import a_version, allocate

from chassis.clock import SystemClock
from chassis.memory.event_log import MemoryEventLog
from chassis.recording import Recorder
from contracts.envelope import decode_commit
from contracts.events.session import LimitReached, SessionEnded
from contracts.events.usage import LlmUsed
from contracts.ids import AgentId, CustomerId, TurnId
from contracts.pricing import BadPriceBook, BookContent, PriceBook, PriceEntry, book_of, version_of
from contracts.subjects import Log
from contracts.template_version import Limits
from runtime.adapters.price_books import price_book_of
from runtime.claim import claim, open_session, origin_of
from runtime.domain.budget import Meter
from runtime.serving import meter_of

pytestmark = pytest.mark.unit


def says(text: str) -> Any:
    return lambda _context, _tools: text


def a_content(amount: str) -> BookContent:
    """So many nano-dollars for each token that the scripted model answers with: one a reply."""
    entry = PriceEntry(provider="openai", model="unknown", unit="output_tokens", amount_nano=amount)
    return BookContent(currency="USD", entries=[entry])


async def data_of(running: ACall, type: str) -> list[Any]:
    return [data for data, _ in await running.facts(type)]


async def test_a_session_that_has_spent_its_budget_says_goodbye_after_that_turn_and_ends() -> None:
    log = MemoryEventLog()
    customer = CustomerId("cus_1")
    double = await publish_book(log, customer, a_content("10"))
    version = a_version(limits=Limits(budget_nano=20))
    given = {"customer": customer, "price_book": double}
    async with a_call(says("Yes."), log=log, version=version, given=given) as running:
        await running.talk.say("one")
        assert await data_of(running, "session.limit_reached") == []
        assert not running.talk.conversation.ending
        await running.talk.say("two")
        await running.talk.wait_ended()
        assert "goodbye" in running.talk.said[-1]
    assert await data_of(running, "session.limit_reached") == [LimitReached(limit="budget", value=20)]
    (ended,) = await data_of(running, "session.ended")
    assert isinstance(ended, SessionEnded)
    assert ended.reason == "budget_reached"
    assert len(await data_of(running, "usage.llm")) == 2, "not one request more"


async def test_a_session_without_a_budget_spends_what_it_takes() -> None:
    async with a_call(says("Yes.")) as running:
        for _ in range(3):
            assert await running.talk.say("more") == ["Yes."]
        assert not running.talk.conversation.ending


async def test_a_job_that_goes_on_where_another_stopped_counts_what_was_spent() -> None:
    log = MemoryEventLog()
    customer = CustomerId("cus_1")
    prices = await publish_book(log, customer, a_content("10"))
    given = {"customer": customer, "price_book": prices}
    async with a_call(says("Yes."), log=log, version=a_version(limits=Limits(budget_nano=50)), given=given) as running:
        await running.talk.say("one")
        await running.talk.say("two")
        metadata = running.session.metadata
        last = await log.last(Log.SESSIONS, running.session.run_subject)
        assert last is not None
        stamp = Recorder(
            origin=origin_of(metadata, source="test"),
            clock=SystemClock(),
            last_n=decode_commit(last.payload)[-1].n,
            epoch=1,
        )
        late = LlmUsed(
            provider="openai",
            model="unknown",
            agent=AgentId("triage"),
            turn=TurnId("t"),
            quantities={"output_tokens": 2},
        )
        await log.append(Log.SESSIONS, running.session.run_subject, [stamp.record(late)], expected=last.sequence)
        await allocate(log, running.session, 2)
        again = msgspec.structs.replace(metadata, epoch=2)
        claimed = await claim(
            log, again, clock=SystemClock(), source="test", job_id="j2", worker_id="w2", participant="p2"
        )
        assert claimed is not None
        opened = await open_session(log, again, claimed, keys=running.session.keys())
        meter = await meter_of(log, again, opened)
        assert meter is not None
        assert (meter.spent_nano, meter.budget_nano, meter.exhausted) == (40, 50, False)


async def test_a_price_book_is_the_customers_own_or_the_deployments_and_no_other() -> None:
    log, ours = MemoryEventLog(), CustomerId("cus_1")
    version = await publish_book(log, ours, a_content("10"))
    assert await price_book_of(log, ours, version) == book_of(version, a_content("10"))
    assert (await price_book_of(log, ours, "2026-11")).currency == "USD"
    for customer, wrong in ((CustomerId("cus_2"), version), (ours, version_of(a_content("11"))), (ours, "1999-01")):
        with pytest.raises(BadPriceBook):
            await price_book_of(log, customer, wrong)


def test_a_meter_is_exhausted_when_nothing_is_left_and_what_has_no_price_is_free() -> None:
    book: PriceBook = book_of("v", a_content("10"))
    used = LlmUsed(
        provider="openai",
        model="unknown",
        agent=AgentId("a"),
        turn=TurnId("t"),
        quantities={"output_tokens": 2, "input_tokens": 900},
    )
    assert [Meter(book, 40).after([used] * number).exhausted for number in (0, 1, 2)] == [False, False, True]
    assert Meter(book, 0).exhausted
