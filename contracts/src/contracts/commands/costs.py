"""Asking the ledger what a session cost, as far as a position of its log."""

import msgspec

from contracts.ids import CustomerId, SessionId


class TellCost(msgspec.Struct, frozen=True, kw_only=True):
    """What the session of this customer cost, with everything up to `position` (encoded) counted."""

    customer: CustomerId
    session: SessionId
    position: str


class CostTold(msgspec.Struct, frozen=True, kw_only=True, tag="told"):
    """In nano-units (10^-9) of `currency`, by version `price_book`. `amount_nano` is owed; what was used with the
    customer's own keys at providers comes to `customer_paid_nano`. `unpriced` counts lines without a price.
    """

    currency: str
    price_book: str
    amount_nano: int
    amount: str
    customer_paid_nano: int
    unpriced: int


class CostNotTold(msgspec.Struct, frozen=True, kw_only=True, tag="not_told"):
    """The ledger has not come as far, or cannot read what it has: `code` says which."""

    code: str


CostAnswer = CostTold | CostNotTold
