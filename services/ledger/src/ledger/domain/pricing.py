"""From measured quantities to money: exact, rounded half-even once per line, nothing left out.

A quantity without a price is a line of amount 0 that says so, never a missing line. Pure.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction

import msgspec

from contracts.events.usage import UsageEvent
from contracts.ids import AgentId, CustomerId, EventId, SessionId, TurnId

MAX_QUANTITY = 2**53 - 1


class BadQuantity(ValueError):
    """A measured quantity that cannot be: negative, or beyond 2^53 - 1."""

    code = "bad_quantity"


class Price(msgspec.Struct, frozen=True):
    """`amount_nano` nano-units of the book's currency for every `per` units: 7,700,000 per 60,000 ms."""

    amount_nano: Decimal
    per: int = 1


class PriceBook(msgspec.Struct, frozen=True):
    """One immutable version of all prices, by (provider, model, unit)."""

    version: str
    currency: str
    prices: dict[tuple[str, str, str], Price]


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One line: one unit of one usage event under one price book.

    `family` is `llm`, `stt`, `tts` or `tool_call`. `amount_nano` is 0 where `priced` is false.
    """

    event: EventId
    unit: str
    price_book: str
    customer: CustomerId
    session: SessionId
    agent: AgentId
    turn: TurnId
    family: str
    provider: str
    model: str
    quantity: int
    amount_nano: int
    currency: str
    priced: bool


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Which event of which session is charged."""

    event: EventId
    customer: CustomerId
    session: SessionId
    family: str


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What falls to one agent, turn or family; `unpriced` counts lines that no price was found for."""

    name: str
    amount_nano: int
    lines: int
    unpriced: int


def charges(usage: UsageEvent, *, origin: Origin, book: PriceBook) -> list[Charge]:
    """A line per unit of the event, in the order of the units' names; raises BadQuantity."""
    return [_charge(usage, unit, usage.quantities[unit], origin, book) for unit in sorted(usage.quantities)]


def amount_nano(quantity: int, price: Price) -> int:
    """``quantity * amount / per`` in nano-units, rounded half-even to an integer.

    Fractions, since a price per minute has no finite decimal per millisecond; where `per` is 1 it is
    contracts.money.line_amount_nano.
    """
    return round(Fraction(price.amount_nano) * quantity / price.per)


def total_nano(lines: Iterable[Charge]) -> int:
    """The sum, exactly."""
    return sum(line.amount_nano for line in lines)


def shares(lines: Iterable[Charge], by: Callable[[Charge], str]) -> list[Share]:
    """The lines by what `by` says of each, sorted by name; the shares add up to the total, to the nano-unit."""
    found: dict[str, list[Charge]] = {}
    for line in lines:
        found.setdefault(by(line), []).append(line)
    return [_share(name, found[name]) for name in sorted(found)]


def _charge(usage: UsageEvent, unit: str, quantity: int, origin: Origin, book: PriceBook) -> Charge:
    if not 0 <= quantity <= MAX_QUANTITY:
        raise BadQuantity(f"{unit} of {usage.provider} {usage.model}: {quantity} cannot be")
    price = book.prices.get((usage.provider, usage.model, unit))
    return Charge(
        event=origin.event,
        unit=unit,
        price_book=book.version,
        customer=origin.customer,
        session=origin.session,
        agent=usage.agent,
        turn=usage.turn,
        family=origin.family,
        provider=usage.provider,
        model=usage.model,
        quantity=quantity,
        amount_nano=0 if price is None else amount_nano(quantity, price),
        currency=book.currency,
        priced=price is not None,
    )


def _share(name: str, lines: list[Charge]) -> Share:
    unpriced = sum(not line.priced for line in lines)
    return Share(name=name, amount_nano=total_nano(lines), lines=len(lines), unpriced=unpriced)
