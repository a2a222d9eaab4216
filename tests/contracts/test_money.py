"""Money: integers of nano-units, rounded half-even once per line."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import NANO, format_amount, line_amount_nano

pytestmark = pytest.mark.unit

_quantities = st.integers(0, 10**12)
_prices = st.decimals(min_value=0, max_value=10**9, places=6, allow_nan=False, allow_infinity=False)


@given(_quantities, _prices)
def test_a_line_is_the_nearest_integer_and_the_even_one_of_two_as_near(quantity: int, price_nano: Decimal) -> None:
    exact = quantity * Fraction(price_nano)
    assert line_amount_nano(quantity, price_nano) == round(exact)  # Fraction rounds half-even, exactly


@pytest.mark.parametrize(
    ("quantity", "price", "amount"),
    [
        (1, "0.5", 0),
        (1, "1.5", 2),
        (1, "2.5", 2),
        (3, "0.5", 2),
        (5, "0.5", 2),
        (7, "0.5", 4),
        (1, "2.500001", 3),
        (0, "9", 0),
    ],
)
def test_halves_go_to_the_even_neighbour(quantity: int, price: str, amount: int) -> None:
    assert line_amount_nano(quantity, Decimal(price)) == amount


@given(st.lists(st.tuples(_quantities, _prices), max_size=20))
def test_lines_add_up_the_same_in_any_order_and_stay_within_half_a_nano_each(lines: list[tuple[int, Decimal]]) -> None:
    amounts = [line_amount_nano(quantity, price) for quantity, price in lines]
    assert sum(amounts) == sum(reversed(amounts))
    exact = sum((quantity * Fraction(price) for quantity, price in lines), Fraction(0))
    assert abs(sum(amounts) - exact) <= Fraction(len(lines), 2)


@given(_quantities, _quantities, st.integers(0, 10**9))
def test_at_a_whole_price_splitting_a_line_changes_nothing(one: int, other: int, price_nano: int) -> None:
    price = Decimal(price_nano)
    assert line_amount_nano(one, price) + line_amount_nano(other, price) == line_amount_nano(one + other, price)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.000000 USD"), (1_234_567, "0.001235 USD"), (12 * NANO, "12.000000 USD"), (-NANO, "-1.000000 USD")],
)
def test_an_amount_is_shown_to_people_with_its_currency(amount: int, text: str) -> None:
    assert format_amount(amount, "USD") == text


def test_a_large_line_stays_exact_whatever_the_callers_decimal_precision() -> None:
    with localcontext() as context:
        context.prec = 28
        assert line_amount_nano(10**12, Decimal("999999999.999999")) == 999999999999999000000
