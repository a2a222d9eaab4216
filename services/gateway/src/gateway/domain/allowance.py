"""What a start may take: what its customer said, within what an operator allows, in the money of its prices. Pure."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from chassis.errors import Conflict
from contracts.limits import CustomerLimits, lowest, session_budget_nano
from contracts.price_books import OwnBook

QuotaKind = Literal["starts", "starts-per-key", "starts-per-template"]


class BudgetInOtherCurrency(Conflict):
    """A budget in one currency cannot bound what is priced in another."""

    code, title = "budget_in_other_currency", "The budget and the prices are in different currencies"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What binds a customer's starts: its own limits and price book, and an operator's caps."""

    limits: CustomerLimits = CustomerLimits()
    book: OwnBook = OwnBook()
    max_sessions: int
    max_monthly_nano: int | None = None


class Quota(msgspec.Struct, frozen=True):
    """At most `starts` a minute of what `name` names."""

    kind: QuotaKind
    name: str
    starts: int


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What one start may take. `month` is the calendar month (UTC) that it counts in, such as ``2026-11``.

    `monthly_nano` None: the month has no budget. `budget_nano` is what the session may cost.
    """

    price_book: str
    currency: str
    month: str
    max_sessions: int
    monthly_nano: int | None
    budget_nano: int | None
    quotas: list[Quota]


class Deployments(msgspec.Struct, frozen=True):
    """The deployment's own price book, for customers without one."""

    price_book: str
    currency: str


def allowance_of(
    terms: Terms,
    *,
    deployments: Deployments,
    template_budget_nano: int | None,
    credential: str,
    template: str,
    now: datetime,
) -> Allowance:
    """What a start of this template by this credential may take now. Raises BudgetInOtherCurrency.

    An operator's cap is in the deployment's prices. Whoever has one is priced by them alone, or it could write prices
    of nothing and spend what it likes.
    """
    capped, limits = terms.max_monthly_nano is not None, terms.limits
    own = None if capped else terms.book.in_force(now)
    price_book = own.version if own else deployments.price_book
    currency = own.content.currency if own else deployments.currency
    if limits.has_budget and limits.currency != currency:
        raise BudgetInOtherCurrency(f"your limits are in {limits.currency}, the price book is in {currency}")
    monthly = lowest(limits.monthly_budget_nano, terms.max_monthly_nano)
    return Allowance(
        price_book=price_book,
        currency=currency,
        month=month_of(now),
        max_sessions=lowest(terms.max_sessions, limits.max_sessions) or 0,
        monthly_nano=monthly,
        budget_nano=session_budget_nano(template_budget_nano, limits, monthly),
        quotas=_quotas(limits, credential=credential, template=template),
    )


def month_of(moment: datetime) -> str:
    """The calendar month in UTC: ``2026-11``."""
    return moment.astimezone(UTC).strftime("%Y-%m")


def _quotas(limits: CustomerLimits, *, credential: str, template: str) -> list[Quota]:
    said: list[tuple[QuotaKind, str, int | None]] = [
        ("starts", "", limits.starts_per_minute),
        ("starts-per-key", credential, limits.starts_per_minute_per_key),
        ("starts-per-template", template, limits.starts_per_minute_per_template),
    ]
    return [Quota(kind, name, starts) for kind, name, starts in said if starts is not None]
