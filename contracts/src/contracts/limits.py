"""What a customer may use, as it limits itself; an operator's cap bounds it from above. Pure.

Amounts are integer nano-units (10^-9) of `currency`; null means no limit of that kind.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from contracts.ids import CustomerId
from contracts.pricing import MAX_NANO
from contracts.subjects import config_subject

LIMITS_KIND = "limits"
LIMITS_ID = "own"
"""A customer has one set of limits; this is its id."""

UNSAID_SHARE = 20
"""A session that has no budget of its own, in a month that has one, gets this part of it: a twentieth."""

MAX_SESSIONS = 1_000_000
MAX_STARTS_PER_MINUTE = 1_000_000

Amount = Annotated[int, Meta(ge=0, le=MAX_NANO)]
Starts = Annotated[int, Meta(ge=1, le=MAX_STARTS_PER_MINUTE)]


class CustomerLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`max_sessions` may be open at once. `starts_per_minute` bounds how often sessions start: all of the customer's,
    those by any one credential, those of any one template.

    `monthly_budget_nano` is for a calendar month (UTC). A session's budget is its template's, else
    `session_budget_nano`, and never more than `max_session_budget_nano`.
    """

    max_sessions: Annotated[int, Meta(ge=0, le=MAX_SESSIONS)] | None = None
    starts_per_minute: Starts | None = None
    starts_per_minute_per_key: Starts | None = None
    starts_per_minute_per_template: Starts | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "USD"
    monthly_budget_nano: Amount | None = None
    session_budget_nano: Amount | None = None
    max_session_budget_nano: Amount | None = None

    @property
    def has_budget(self) -> bool:
        """Whether any amount is limited, so that the currency matters."""
        amounts = (self.monthly_budget_nano, self.session_budget_nano, self.max_session_budget_nano)
        return any(amount is not None for amount in amounts)


def limits_subject(customer: CustomerId) -> str:
    """The stream of a customer's limits; raises InvalidId."""
    return config_subject(customer, LIMITS_KIND, LIMITS_ID)


def lowest(*limits: int | None) -> int | None:
    """The strictest of some limits, None where there is none."""
    return min((one for one in limits if one is not None), default=None)


def session_budget_nano(template_nano: int | None, limits: CustomerLimits, monthly_nano: int | None) -> int | None:
    """What a session may cost; None: as much as it takes, which no month with a budget allows.

    `template_nano` is its template's, `monthly_nano` the budget of the month, the operator's cap included.
    """
    said = template_nano if template_nano is not None else limits.session_budget_nano
    if said is None and monthly_nano is not None:
        said = monthly_nano // UNSAID_SHARE
    return lowest(said, limits.max_session_budget_nano)
