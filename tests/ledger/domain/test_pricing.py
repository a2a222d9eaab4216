"""Prices: exact, nothing left out, and the same sum however it is cut."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events.usage import LlmUsed
from contracts.ids import AgentId, CustomerId, EventId, SessionId, TurnId
from contracts.pricing import MAX_QUANTITY, BadQuantity, Price, PriceBook
from contracts.providers import Payer
from ledger.domain.pricing import Charge, Origin, charges, repriced, shares, total_customer_paid_nano, total_nano

pytestmark = pytest.mark.unit

BOOK = PriceBook("v1", "USD", {("openai", "gpt", "input_tokens"): Price(Decimal("400"))})
ORIGIN = Origin(event=EventId("e1"), customer=CustomerId("acme"), session=SessionId("ses_1"), family="llm")


def a_usage(
    quantities: dict[str, int],
    *,
    agent: str = "agt",
    turn: str = "turn_1",
    model: str = "gpt",
    payer: Payer = "deployment",
) -> LlmUsed:
    return LlmUsed(
        provider="openai", model=model, agent=AgentId(agent), turn=TurnId(turn), quantities=quantities, payer=payer
    )


def test_each_unit_of_a_usage_event_is_one_line_that_names_its_agent_and_turn() -> None:
    [line] = charges(a_usage({"input_tokens": 812}), origin=ORIGIN, book=BOOK)
    assert (line.amount_nano, line.agent, line.turn, line.price_book) == (324_800, "agt", "turn_1", "v1")
    assert line.priced


def test_what_the_customer_pays_the_provider_itself_is_shown_and_not_owed() -> None:
    [line] = charges(a_usage({"input_tokens": 812}, payer="customer"), origin=ORIGIN, book=BOOK)
    assert (line.amount_nano, line.customer_paid_nano, line.payer) == (0, 324_800, "customer")
    assert line.priced, "a price there is"
    assert total_nano([line]) == 0
    assert total_customer_paid_nano([line]) == 324_800


@pytest.mark.parametrize(("model", "unit"), [("another", "input_tokens"), ("gpt", "smells")])
def test_what_has_no_price_is_a_line_that_says_so(model: str, unit: str) -> None:
    [line] = charges(a_usage({unit: 7}, model=model), origin=ORIGIN, book=BOOK)
    assert (line.priced, line.amount_nano, line.quantity) == (False, 0, 7)


@pytest.mark.parametrize("quantity", [-1, MAX_QUANTITY + 1])
def test_a_quantity_that_cannot_be_is_refused(quantity: int) -> None:
    with pytest.raises(BadQuantity):
        charges(a_usage({"input_tokens": quantity}), origin=ORIGIN, book=BOOK)


USAGES = st.lists(
    st.builds(
        a_usage,
        st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), st.integers(0, MAX_QUANTITY)),
        agent=st.sampled_from(["a", "b", ""]),
        turn=st.sampled_from(["t1", "t2", ""]),
        payer=st.sampled_from(["deployment", "customer"]),
    ),
    max_size=12,
)


@given(USAGES)
@settings(deadline=None)
def test_sums_reconcile_to_the_nano_unit_at_every_level(usages: list[LlmUsed]) -> None:
    lines = [line for usage in usages for line in charges(usage, origin=ORIGIN, book=BOOK)]
    assert len(lines) == sum(len(usage.quantities) for usage in usages)
    paid_by_deployment = [msgspec.structs.replace(usage, payer="deployment") for usage in usages]
    whole = [line for usage in paid_by_deployment for line in charges(usage, origin=ORIGIN, book=BOOK)]
    assert total_nano(lines) + total_customer_paid_nano(lines) == total_nano(whole), "who pays changes no amount"
    for by in (_agent, _turn, _agent_and_turn):
        cut = shares(lines, by)
        assert sum(share.amount_nano for share in cut) == total_nano(lines)
        assert sum(share.customer_paid_nano for share in cut) == total_customer_paid_nano(lines)
        assert sum(share.lines for share in cut) == len(lines)
        assert sum(share.unpriced for share in cut) == sum(not line.priced for line in lines)


def _agent(line: Charge) -> str:
    return line.agent


def _turn(line: Charge) -> str:
    return line.turn


def _agent_and_turn(line: Charge) -> str:
    return f"{line.agent}/{line.turn}"


DEARER = PriceBook("v2", "USD", {("openai", "gpt", "input_tokens"): Price(Decimal("401.5"))})


@given(USAGES)
@settings(deadline=None)
def test_re_pricing_gives_the_lines_that_the_other_version_would_have_given(usages: list[LlmUsed]) -> None:
    for usage in usages:
        before = charges(usage, origin=ORIGIN, book=BOOK)
        assert [repriced(line, DEARER) for line in before] == charges(usage, origin=ORIGIN, book=DEARER)
        assert [repriced(repriced(line, DEARER), BOOK) for line in before] == before
