"""A customer's price book and limits: what is published, what is refused, what changes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from chassis.errors import InvalidInput
from config.domain import limits, price_book
from config.domain.limits import LIMITS, InvalidLimits
from config.domain.price_book import (
    PRICE_BOOK,
    Draft,
    InvalidPriceBook,
    InvalidPublication,
    NoSuchPriceBook,
    NothingDrafted,
    Publish,
    content_of,
)
from contracts.envelope import format_time
from contracts.events.limits import LimitsSet
from contracts.events.price_book import PriceBookDrafted, PriceBookPublished
from contracts.limits import CustomerLimits
from contracts.price_books import OwnBook
from contracts.pricing import MAX_ENTRIES, BookContent, PriceEntry, version_of

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def a_content(*amounts: str, currency: str = "USD") -> BookContent:
    entries = [
        PriceEntry(provider="p", model="m", unit=f"u{place}", amount_nano=amount)
        for place, amount in enumerate(amounts)
    ]
    return BookContent(currency=currency, entries=entries)


def pointers(refused: InvalidInput) -> set[tuple[str, str]]:
    return {(error.pointer, error.code) for error in refused.errors}


def a_book(*commands: price_book.Command) -> OwnBook:
    book = OwnBook()
    for command in commands:
        for event in price_book.decide(command, book):
            book = PRICE_BOOK.evolve(book, event)
    return book


def test_a_draft_becomes_a_numbered_version_under_its_hash() -> None:
    one, two = a_content("1"), a_content("2")
    book = a_book(Draft(one), Publish(now=NOW), Draft(two), Publish(now=NOW, corrects=[version_of(one)]))
    assert [(made.number, made.version) for made in book.versions] == [(1, version_of(one)), (2, version_of(two))]
    assert book.versions[1].corrects == [version_of(one)]
    assert content_of(version_of(one), book) == one


def test_what_is_so_already_adds_nothing() -> None:
    book = a_book(Draft(a_content("1")), Publish(now=NOW))
    assert price_book.decide(Draft(a_content("1")), book) == []
    assert price_book.decide(Publish(now=NOW + timedelta(days=1)), book) == []


def test_a_version_may_begin_later_and_never_in_the_past() -> None:
    book = a_book(Draft(a_content("1")))
    begins = NOW + timedelta(days=30)
    (published,) = price_book.decide(Publish(now=NOW, in_force_from=begins), book)
    assert isinstance(published, PriceBookPublished)
    assert published.in_force_from == format_time(begins)
    for wrong in (NOW - timedelta(seconds=1), NOW + timedelta(days=401)):
        with pytest.raises(InvalidPublication) as refused:
            price_book.decide(Publish(now=NOW, in_force_from=wrong), book)
        assert pointers(refused.value) == {("/in_force_from", "out_of_range")}


def test_only_another_version_that_there_is_and_in_its_currency_can_be_corrected() -> None:
    one = a_content("1", currency="EUR")
    book = a_book(Draft(one), Publish(now=NOW), Draft(a_content("2")))
    wrong = ["f" * 64, "1999-01", version_of(one), version_of(a_content("2"))]
    with pytest.raises(InvalidPublication) as refused:
        price_book.decide(Publish(now=NOW, corrects=[*wrong, "2026-11"]), book)
    assert pointers(refused.value) == {
        ("/corrects/0", "unknown_version"),
        ("/corrects/1", "unknown_version"),
        ("/corrects/2", "other_currency"),
        ("/corrects/3", "unknown_version"),
    }


def test_nothing_can_be_published_before_it_is_drafted() -> None:
    with pytest.raises(NothingDrafted):
        price_book.decide(Publish(now=NOW), OwnBook())
    with pytest.raises(NoSuchPriceBook):
        content_of("f" * 64, OwnBook())


def test_every_mistake_of_a_draft_is_told_at_once() -> None:
    content = a_content("1", "-1", "cheap")
    twice = msgspec.structs.replace(content, entries=[*content.entries, content.entries[0]])
    with pytest.raises(InvalidPriceBook) as refused:
        price_book.decide(Draft(twice), OwnBook())
    assert pointers(refused.value) == {
        ("/entries/1/amount_nano", "bad_amount"),
        ("/entries/2/amount_nano", "bad_amount"),
        ("/entries/3", "repeated"),
    }


def test_a_book_has_its_bounds() -> None:
    with pytest.raises(InvalidPriceBook) as refused:
        price_book.decide(Draft(a_content(*["1"] * (MAX_ENTRIES + 1))), OwnBook())
    assert pointers(refused.value) == {("/entries", "too_many")}
    long = [PriceEntry(provider="p" * 100, model="m" * 100, unit=str(n), amount_nano="1") for n in range(MAX_ENTRIES)]
    with pytest.raises(InvalidPriceBook) as refused:
        price_book.decide(Draft(BookContent(currency="USD", entries=long)), OwnBook())
    assert pointers(refused.value) == {("", "too_large")}


def test_a_drafted_event_fits_an_envelope_even_at_the_bound() -> None:
    (event,) = price_book.decide(Draft(a_content(*["1"] * MAX_ENTRIES)), OwnBook())
    assert isinstance(event, PriceBookDrafted)
    assert len(msgspec.json.encode(event)) < 64 * 1024


def test_limits_are_versions_of_a_whole() -> None:
    state = limits.State()
    for number, wanted in enumerate((CustomerLimits(), CustomerLimits(max_sessions=3)), start=1):
        (event,) = limits.decide(limits.Set(wanted), state)
        assert event == LimitsSet(number=number, limits=wanted)
        state = LIMITS.evolve(state, event)
        assert limits.decide(limits.Set(wanted), state) == []


@pytest.mark.parametrize("most", [{"max_session_budget_nano": 4}, {"monthly_budget_nano": 4}])
def test_a_session_gets_no_more_than_the_most_of_a_session_or_a_month(most: dict[str, Any]) -> None:
    with pytest.raises(InvalidLimits) as refused:
        limits.decide(limits.Set(CustomerLimits(session_budget_nano=5, **most)), limits.State())
    assert pointers(refused.value) == {("/session_budget_nano", "out_of_range")}
