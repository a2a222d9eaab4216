"""What one session has spent, and what it holds back of its month's budget. Pure; amounts are nano-units."""

import msgspec

from contracts.events.session import SessionRequested
from contracts.events.usage import UsageEvent
from contracts.pricing import PriceBook


class SessionSpend(msgspec.Struct, frozen=True, kw_only=True):
    """`budget_nano` None: it was let in without one, and holds nothing back. `open` until it has its end."""

    price_book: str = ""
    currency: str = ""
    budget_nano: int | None = None
    spent_nano: int = 0
    open: bool = False

    @property
    def held_back_nano(self) -> int:
        """What it may still spend; migrations/0007_take_start.sql counts the same."""
        if not self.open or self.budget_nano is None:
            return 0
        return max(0, self.budget_nano - self.spent_nano)


def admitted(requested: SessionRequested, book: PriceBook) -> SessionSpend:
    """A session that was let in, priced by `book`."""
    budget = requested.limits.budget_nano
    return SessionSpend(
        price_book=requested.price_book,
        currency=book.currency,
        budget_nano=budget if isinstance(budget, int) else None,
        open=True,
    )


def used(spend: SessionSpend, usage: UsageEvent, book: PriceBook) -> tuple[SessionSpend, int]:
    """The session after some more usage, also after its end, and what that usage cost; raises BadQuantity."""
    amount = book.total_nano(usage.provider, usage.model, usage.quantities)
    after = msgspec.structs.replace(spend, spent_nano=spend.spent_nano + amount, currency=book.currency)
    return after, amount


def over(spend: SessionSpend) -> SessionSpend:
    """The session has its end, or never began: it gives back what it held."""
    return msgspec.structs.replace(spend, open=False)
