"""What a session may cost: who said what, and who may only lower it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.limits import UNSAID_SHARE, CustomerLimits, lowest, session_budget_nano
from contracts.pricing import MAX_NANO

pytestmark = pytest.mark.unit

AMOUNT = st.none() | st.integers(0, MAX_NANO)


@pytest.mark.parametrize(
    ("template", "limits", "month", "budget"),
    [
        (None, CustomerLimits(), None, None),
        (7, CustomerLimits(), None, 7),
        (7, CustomerLimits(session_budget_nano=3), None, 7),
        (None, CustomerLimits(session_budget_nano=3), None, 3),
        (7, CustomerLimits(max_session_budget_nano=5), None, 5),
        (None, CustomerLimits(max_session_budget_nano=5), None, 5),
        (None, CustomerLimits(), 200, 200 // UNSAID_SHARE),
        (0, CustomerLimits(session_budget_nano=3), 200, 0),
    ],
)
def test_a_budget_is_the_templates_else_the_customers_else_a_share_of_the_month(
    template: int | None, limits: CustomerLimits, month: int | None, budget: int | None
) -> None:
    assert session_budget_nano(template, limits, month) == budget


@given(AMOUNT, AMOUNT, AMOUNT, AMOUNT)
def test_no_session_gets_more_than_the_most_and_none_is_unbounded_in_a_month_with_a_budget(
    template: int | None, said: int | None, most: int | None, month: int | None
) -> None:
    limits = CustomerLimits(session_budget_nano=said, max_session_budget_nano=most)
    budget = session_budget_nano(template, limits, month)
    assert most is None or (budget is not None and budget <= most)
    assert month is None or budget is not None


def test_the_strictest_limit_holds() -> None:
    assert (lowest(), lowest(None, None), lowest(3, None, 2)) == (None, None, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"monthly_budget_nano": -1},
        {"monthly_budget_nano": MAX_NANO + 1},
        {"starts_per_minute": 0},
        {"max_sessions": -1},
        {"currency": "usd"},
        {"generosity": 1},
    ],
)
def test_limits_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, CustomerLimits)
