"""Money is at every moment either spent or held back, however sessions overlap, and as much as the charges say."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.gateway_views import a_request

from contracts.events.usage import LlmUsed
from contracts.ids import AgentId, TurnId
from contracts.pricing import Price, PriceBook
from contracts.template_version import Limits
from gateway.domain.spending import SessionSpend, admitted, over, used

pytestmark = pytest.mark.unit

BOOK = PriceBook("v", "USD", {("p", "m", "t"): Price(Decimal("2.5")), ("p", "m", "s"): Price(Decimal(7), per=3)})


def a_usage(quantities: dict[str, int]) -> LlmUsed:
    return LlmUsed(provider="p", model="m", agent=AgentId("a"), turn=TurnId("t"), quantities=quantities)


def a_session(budget: int) -> SessionSpend:
    return admitted(msgspec.structs.replace(a_request(), limits=Limits(budget_nano=budget), price_book="v"), BOOK)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.one_of(
            st.just("over"), st.dictionaries(st.sampled_from(["t", "s", "unpriced"]), st.integers(0, 100), max_size=3)
        ),
    ),
    max_size=30,
)


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4), STEPS)
def test_spent_and_held_back_together_never_grow_but_by_what_is_beyond_a_budget(
    budgets: list[int], steps: list[tuple[int, str | dict[str, int]]]
) -> None:
    sessions = [a_session(budget) for budget in budgets]
    month = beyond = 0
    granted = sum(budgets)
    for place, step in steps:
        before = sessions[place]
        if isinstance(step, str):
            sessions[place] = over(before)
            continue
        sessions[place], amount = used(before, a_usage(step), BOOK)
        month += amount
        beyond += amount - (before.held_back_nano - sessions[place].held_back_nano)
        assert sessions[place].spent_nano == before.spent_nano + amount
    assert month == sum(one.spent_nano for one in sessions)
    held_back = sum(one.held_back_nano for one in sessions)
    assert month + held_back <= granted + beyond
    if all(one.open for one in sessions):
        assert month + held_back == granted + beyond


def test_a_session_without_a_budget_holds_nothing_back_and_one_that_is_over_neither() -> None:
    unbounded = admitted(a_request(), BOOK)
    assert (unbounded.budget_nano, unbounded.held_back_nano, unbounded.open) == (None, 0, True)
    assert over(a_session(5)).held_back_nano == 0
    assert a_session(5).held_back_nano == 5
