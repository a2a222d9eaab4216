"""What a start may take: the strictest of what customer, template and operator say."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from contracts.events.price_book import PriceBookPublished
from contracts.limits import CustomerLimits
from contracts.price_books import OwnBook
from contracts.pricing import BookContent
from gateway.domain.allowance import (
    Allowance,
    BudgetInOtherCurrency,
    Deployments,
    Quota,
    Terms,
    allowance_of,
    month_of,
)

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
EUROS = PriceBookPublished(
    number=1,
    version="e" * 64,
    content=BookContent(currency="EUR", entries=[]),
    in_force_from="2026-11-01T00:00:00.000000Z",
)


def allowed(terms: Terms, *, template_nano: int | None = None, now: datetime = NOW) -> Allowance:
    return allowance_of(
        terms,
        deployments=Deployments("2026-11", "USD"),
        template_budget_nano=template_nano,
        credential="key_1",
        template="help",
        now=now,
    )


def test_who_limits_nothing_is_held_to_the_operators_sessions_alone() -> None:
    found = allowed(Terms(max_sessions=10))
    assert (found.max_sessions, found.monthly_nano, found.budget_nano, found.quotas) == (10, None, None, [])
    assert (found.price_book, found.currency, found.month) == ("2026-11", "USD", "2026-11")


@pytest.mark.parametrize(("own", "cap", "least"), [(5, 10, 5), (20, 10, 10), (None, 10, 10), (0, 10, 0)])
def test_of_a_customers_limit_and_an_operators_cap_the_lower_holds(own: int | None, cap: int, least: int) -> None:
    assert allowed(Terms(limits=CustomerLimits(max_sessions=own), max_sessions=cap)).max_sessions == least
    limits = CustomerLimits(monthly_budget_nano=own)
    assert allowed(Terms(limits=limits, max_sessions=1, max_monthly_nano=cap)).monthly_nano == least


def test_under_an_operators_cap_every_session_has_a_budget() -> None:
    terms = Terms(max_sessions=1, max_monthly_nano=2_000)
    assert allowed(terms).budget_nano == 100
    assert allowed(terms, template_nano=700).budget_nano == 700


def test_a_rate_counts_a_customer_a_credential_and_a_template_each_by_itself() -> None:
    limits = CustomerLimits(starts_per_minute=9, starts_per_minute_per_key=5, starts_per_minute_per_template=7)
    assert allowed(Terms(limits=limits, max_sessions=1)).quotas == [
        Quota("starts", "", 9),
        Quota("starts-per-key", "key_1", 5),
        Quota("starts-per-template", "help", 7),
    ]


def test_a_budget_is_in_the_currency_of_the_prices_or_nothing_starts() -> None:
    own = OwnBook(versions=(EUROS,))
    euros = CustomerLimits(currency="EUR", monthly_budget_nano=5)
    found = allowed(Terms(limits=euros, book=own, max_sessions=1))
    assert (found.price_book, found.currency, found.monthly_nano) == (EUROS.version, "EUR", 5)
    dollars = CustomerLimits(currency="USD", session_budget_nano=5)
    for wrong in (
        Terms(limits=dollars, book=own, max_sessions=1),
        Terms(limits=euros, max_sessions=1),
        Terms(limits=euros, book=own, max_sessions=1, max_monthly_nano=5),
    ):
        with pytest.raises(BudgetInOtherCurrency):
            allowed(wrong)
    assert allowed(Terms(limits=CustomerLimits(max_sessions=3), book=own, max_sessions=9)).currency == "EUR"


def test_who_is_capped_by_an_operator_is_priced_by_the_operator() -> None:
    found = allowed(Terms(book=OwnBook(versions=(EUROS,)), max_sessions=1, max_monthly_nano=5))
    assert (found.price_book, found.currency, found.monthly_nano) == ("2026-11", "USD", 5)


def test_before_a_version_begins_the_deployments_prices_hold() -> None:
    terms = Terms(book=OwnBook(versions=(EUROS,)), max_sessions=1)
    assert allowed(terms, now=datetime(2026, 10, 31, tzinfo=UTC)).price_book == "2026-11"
    assert allowed(terms).price_book == EUROS.version


def test_a_month_is_one_of_utc() -> None:
    assert month_of(datetime(2026, 12, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2026-11"
