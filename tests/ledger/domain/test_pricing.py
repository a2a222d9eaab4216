"""Prices: exact, nothing left out, and the same sum however it is cut."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.usage import LlmUsed
from contracts.ids import AgentId, CustomerId, EventId, SessionId, TurnId
from contracts.money import line_amount_nano
from ledger.domain.pricing import (
    MAX_QUANTITY,
    BadQuantity,
    Charge,
    Origin,
    Price,
    PriceBook,
    amount_nano,
    charges,
    shares,
    total_nano,
)
from ledger.price_book import BadPriceBook, decode_price_book, load_price_book

pytestmark = pytest.mark.unit

BOOK = PriceBook("v1", "USD", {("openai", "gpt", "input_tokens"): Price(Decimal("400"))})
ORIGIN = Origin(event=EventId("e1"), customer=CustomerId("acme"), session=SessionId("ses_1"), family="llm")


def a_usage(quantities: dict[str, int], *, agent: str = "agt", turn: str = "turn_1", model: str = "gpt") -> LlmUsed:
    return LlmUsed(provider="openai", model=model, agent=AgentId(agent), turn=TurnId(turn), quantities=quantities)


def test_each_unit_of_a_usage_event_is_one_line_that_names_its_agent_and_turn() -> None:
    [line] = charges(a_usage({"input_tokens": 812}), origin=ORIGIN, book=BOOK)
    assert (line.amount_nano, line.agent, line.turn, line.price_book) == (324_800, "agt", "turn_1", "v1")
    assert line.priced


@pytest.mark.parametrize(("model", "unit"), [("another", "input_tokens"), ("gpt", "smells")])
def test_what_has_no_price_is_a_line_that_says_so(model: str, unit: str) -> None:
    [line] = charges(a_usage({unit: 7}, model=model), origin=ORIGIN, book=BOOK)
    assert (line.priced, line.amount_nano, line.quantity) == (False, 0, 7)


@pytest.mark.parametrize("quantity", [-1, MAX_QUANTITY + 1])
def test_a_quantity_that_cannot_be_is_refused(quantity: int) -> None:
    with pytest.raises(BadQuantity):
        charges(a_usage({"input_tokens": quantity}), origin=ORIGIN, book=BOOK)


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


USAGES = st.lists(
    st.builds(
        a_usage,
        st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), st.integers(0, MAX_QUANTITY)),
        agent=st.sampled_from(["a", "b", ""]),
        turn=st.sampled_from(["t1", "t2", ""]),
    ),
    max_size=12,
)


@given(USAGES)
def test_sums_reconcile_to_the_nano_unit_at_every_level(usages: list[LlmUsed]) -> None:
    lines = [line for usage in usages for line in charges(usage, origin=ORIGIN, book=BOOK)]
    assert len(lines) == sum(len(usage.quantities) for usage in usages)
    for by in (_agent, _turn, _agent_and_turn):
        cut = shares(lines, by)
        assert sum(share.amount_nano for share in cut) == total_nano(lines)
        assert sum(share.lines for share in cut) == len(lines)
        assert sum(share.unpriced for share in cut) == sum(not line.priced for line in lines)


def _agent(line: Charge) -> str:
    return line.agent


def _turn(line: Charge) -> str:
    return line.turn


def _agent_and_turn(line: Charge) -> str:
    return f"{line.agent}/{line.turn}"


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
