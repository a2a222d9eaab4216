"""What a session has cost so far, and whether that is all it may cost. Pure."""

from collections.abc import Iterable

import msgspec

from contracts.events.usage import Usage
from contracts.pricing import PriceBook


class Meter(msgspec.Struct, frozen=True):
    """The session's prices, its budget, and what it has spent, in nano-units of the book's currency.

    What has no price costs nothing here, as in the charges.
    """

    book: PriceBook
    budget_nano: int
    spent_nano: int = 0

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left. A budget of 0 is, as soon as anything is used."""
        return self.spent_nano >= self.budget_nano

    def after(self, used: Iterable[Usage]) -> "Meter":
        """The meter after some more usage; raises BadQuantity."""
        amounts = (self.book.total_nano(one.provider, one.model, one.quantities) for one in used)
        return Meter(self.book, self.budget_nano, self.spent_nano + sum(amounts))
