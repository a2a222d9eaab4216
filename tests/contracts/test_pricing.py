"""Prices: exact to half a nano-unit, and books that hold together."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.price_book import PriceBookDrafted, PriceBookPublished
from contracts.money import line_amount_nano
from contracts.price_books import OwnBook, corrected, evolve, price_book_named
from contracts.pricing import (
    MAX_NANO,
    MAX_QUANTITY,
    BadPriceBook,
    BadQuantity,
    BookContent,
    Price,
    PriceBook,
    PriceEntry,
    amount_nano,
    book_of,
    decode_price_book,
    load_price_book,
    mistakes,
    version_of,
)

pytestmark = pytest.mark.unit


def test_a_price_per_minute_is_exact_per_millisecond() -> None:
    price = Price(Decimal(7_700_000), per=60_000)
    assert amount_nano(60_000, price) == 7_700_000
    assert amount_nano(1, price) == 128


def test_halves_go_to_the_even_neighbour() -> None:
    assert [amount_nano(n, Price(Decimal("0.5"))) for n in (1, 3, 5)] == [0, 2, 2]


@given(st.integers(0, 10**9), st.decimals(0, 10**6, places=4))
def test_per_single_unit_it_is_the_rounding_of_the_published_language(quantity: int, price: Decimal) -> None:
    assert amount_nano(quantity, Price(price)) == line_amount_nano(quantity, price)


@given(st.integers(0, MAX_QUANTITY), st.decimals(0, 10**9, places=9), st.integers(1, 10**6))
def test_a_line_is_off_by_at_most_half_a_nano_unit(quantity: int, price: Decimal, per: int) -> None:
    amount = amount_nano(quantity, Price(price, per))
    assert abs(amount * per * 10**9 - int(price * 10**9) * quantity) * 2 <= per * 10**9


def test_the_shipped_price_book_prices_what_agents_are_made_of() -> None:
    book = load_price_book("2026-11")
    for key in (
        ("openai", "gpt-4.1-mini", "input_tokens"),
        ("openai", "gpt-4.1-mini", "cached_tokens"),
        ("openai", "gpt-4.1-mini", "output_tokens"),
        ("deepgram", "nova-3", "audio_ms"),
        ("cartesia", "sonic-3", "characters"),
    ):
        assert book.prices[key].amount_nano > 0


ENTRY = '{"provider": "p", "model": "m", "unit": "u", "amount_nano": "%s"%s}'


@pytest.mark.parametrize(
    "entries",
    [
        ENTRY % ("-1", ""),
        ENTRY % ("cheap", ""),
        ENTRY % ("NaN", ""),
        ENTRY % ("1", ', "per": 0'),
        ENTRY % ("1", ', "discount": 1'),
        f"{ENTRY % ('1', '')}, {ENTRY % ('2', '')}",
    ],
)
def test_a_price_book_that_cannot_be_is_refused(entries: str) -> None:
    source = f'{{"version": "v", "currency": "USD", "about": "", "entries": [{entries}]}}'
    with pytest.raises(BadPriceBook):
        decode_price_book(source.encode())


def test_there_is_no_price_book_of_an_unknown_version() -> None:
    with pytest.raises(BadPriceBook):
        load_price_book("1999-01")


def an_entry(unit: str = "u", amount: str = "1", per: int = 1) -> PriceEntry:
    return PriceEntry(provider="p", model="m", unit=unit, amount_nano=amount, per=per)


def a_content(*entries: PriceEntry, currency: str = "USD") -> BookContent:
    return BookContent(currency=currency, entries=list(entries))


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, MAX_QUANTITY)),
    st.dictionaries(st.sampled_from("abcd"), st.decimals(0, MAX_NANO, places=9)),
)
def test_the_total_of_a_usage_event_is_the_sum_of_its_lines(
    quantities: dict[str, int], prices: dict[str, Decimal]
) -> None:
    book = PriceBook("v", "USD", {("p", "m", unit): Price(price) for unit, price in prices.items()})
    lines = [book.amount_nano("p", "m", unit, quantity) for unit, quantity in quantities.items()]
    assert book.total_nano("p", "m", quantities) == sum(line or 0 for line in lines)
    assert [line is None for line in lines] == [unit not in prices for unit in quantities]


@pytest.mark.parametrize("quantity", [-1, MAX_QUANTITY + 1])
def test_what_cannot_be_measured_has_no_price(quantity: int) -> None:
    with pytest.raises(BadQuantity):
        load_price_book().amount_nano("openai", "gpt-4.1-mini", "calls", quantity)


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (an_entry(amount="-1"), "amount_nano"),
        (an_entry(amount="Infinity"), "amount_nano"),
        (an_entry(amount="0.0000000001"), "amount_nano"),
        (an_entry(amount=str(MAX_NANO + 1)), "amount_nano"),
        (an_entry(per=0), "per"),
        (an_entry(unit="twice"), ""),
    ],
)
def test_a_mistake_is_told_by_its_entry_and_field(entry: PriceEntry, field: str) -> None:
    assert [(place, where) for place, where, _ in mistakes([an_entry("twice"), entry])] == [(1, field)]


def test_a_version_is_the_hash_of_what_it_says_and_nothing_else() -> None:
    assert version_of(a_content(an_entry())) == version_of(a_content(an_entry()))
    assert version_of(a_content(an_entry())) != version_of(a_content(an_entry(amount="2")))
    assert book_of("v", a_content(an_entry(amount="1.50"))).prices["p", "m", "u"].amount_nano == Decimal("1.5")


def published(number: int, amount: str, in_force_from: str, corrects: list[str] | None = None) -> PriceBookPublished:
    content = a_content(an_entry(amount=amount))
    return PriceBookPublished(
        number=number,
        version=version_of(content),
        content=content,
        in_force_from=in_force_from,
        corrects=corrects or [],
    )


ONE = published(1, "1", "2026-11-01T00:00:00.000000Z")
LATER = published(2, "2", "2027-01-01T00:00:00.000000Z")
NOW = published(3, "3", "2026-12-01T00:00:00.000000Z")


def own_book() -> OwnBook:
    book = OwnBook()
    for event in (PriceBookDrafted(content=ONE.content), ONE, LATER, NOW):
        book = evolve(book, event)
    return book


@pytest.mark.parametrize(
    ("day", "number"),
    [((2026, 10, 31), None), ((2026, 11, 1), 1), ((2026, 12, 1), 3), ((2026, 12, 31), 3), ((2027, 1, 1), 2)],
)
def test_the_version_in_force_is_the_last_that_has_begun(day: tuple[int, int, int], number: int | None) -> None:
    found = own_book().in_force(datetime(*day, tzinfo=UTC))
    assert (found.number if found else None) == number


def test_of_two_versions_that_begin_at_once_the_later_is_in_force() -> None:
    again = msgspec.structs.replace(NOW, number=4)
    found = evolve(own_book(), again).in_force(datetime(2026, 12, 2, tzinfo=UTC))
    assert found == again


def test_a_correction_takes_the_place_of_what_it_corrects_and_of_that_ones_corrections() -> None:
    fixed = published(4, "4", NOW.in_force_from, [ONE.version, "2026-11"])
    again = published(5, "5", NOW.in_force_from, [fixed.version])
    versions = [ONE, LATER, NOW, fixed, again]
    assert corrected(ONE.version, versions) == again.version
    assert corrected("2026-11", versions) == again.version
    assert corrected(LATER.version, versions) == LATER.version
    assert corrected(ONE.version, versions[:3]) == ONE.version


def test_a_version_is_found_by_its_name_among_a_customers_own_and_the_deployments() -> None:
    assert price_book_named(ONE.version, [ONE]).prices["p", "m", "u"].amount_nano == 1
    assert price_book_named("2026-11", [ONE]) == load_price_book("2026-11")
    for unknown in ("1999-01", LATER.version):
        with pytest.raises(BadPriceBook):
            price_book_named(unknown, [ONE])
