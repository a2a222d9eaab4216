"""From usage events to lines of a bill: nothing left out, and the same sum however they are cut.

A quantity without a price is a line of amount 0 that says so, never a missing line. What the customer pays the provider
itself, having used its own key, is a line of amount 0 too, which says what that comes to by the book (ADR 18). Pure.
"""

from collections.abc import Callable, Iterable

import msgspec

from contracts.events.usage import UsageEvent
from contracts.ids import AgentId, CustomerId, EventId, SessionId, TurnId
from contracts.pricing import PriceBook
from contracts.providers import Payer


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One line: one unit of one usage event under one price book.

    `family` is `llm`, `stt`, `tts` or `tool_call`. `amount_nano` is what the customer owes, `customer_paid_nano` what
    it pays the provider itself; one of them is 0, by `payer`, and both are where `priced` is false.
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
    payer: Payer = "deployment"
    customer_paid_nano: int = 0


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Which event of which session is charged."""

    event: EventId
    customer: CustomerId
    session: SessionId
    family: str


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What falls to one agent, turn or family; `unpriced` counts lines that no price was found for.

    `customer_paid_nano` is what the customer pays providers itself, and no part of `amount_nano`.
    """

    name: str
    amount_nano: int
    customer_paid_nano: int
    lines: int
    unpriced: int


def charges(usage: UsageEvent, *, origin: Origin, book: PriceBook) -> list[Charge]:
    """A line per unit of the event, in the order of the units' names; raises BadQuantity."""
    return [_charge(usage, unit, usage.quantities[unit], origin, book) for unit in sorted(usage.quantities)]


def total_nano(lines: Iterable[Charge]) -> int:
    """What is owed for all lines, exactly."""
    return sum(line.amount_nano for line in lines)


def total_customer_paid_nano(lines: Iterable[Charge]) -> int:
    """What the customer pays providers itself for all lines, by the book, exactly."""
    return sum(line.customer_paid_nano for line in lines)


def shares(lines: Iterable[Charge], by: Callable[[Charge], str]) -> list[Share]:
    """The lines by what `by` says of each, sorted by name; the shares add up to both totals, to the nano-unit."""
    found: dict[str, list[Charge]] = {}
    for line in lines:
        found.setdefault(by(line), []).append(line)
    return [_share(name, found[name]) for name in sorted(found)]


def repriced(line: Charge, book: PriceBook) -> Charge:
    """The same quantity as a line of another version; the line that there is stays as it is."""
    amount = book.amount_nano(line.provider, line.model, line.unit, line.quantity)
    owed, customer_paid = _split(amount or 0, line.payer)
    return msgspec.structs.replace(
        line,
        price_book=book.version,
        amount_nano=owed,
        customer_paid_nano=customer_paid,
        currency=book.currency,
        priced=amount is not None,
    )


def _charge(usage: UsageEvent, unit: str, quantity: int, origin: Origin, book: PriceBook) -> Charge:
    amount = book.amount_nano(usage.provider, usage.model, unit, quantity)
    owed, customer_paid = _split(amount or 0, usage.payer)
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
        amount_nano=owed,
        currency=book.currency,
        priced=amount is not None,
        payer=usage.payer,
        customer_paid_nano=customer_paid,
    )


def _split(amount: int, payer: Payer) -> tuple[int, int]:
    """What of an amount is owed to Baton, and what goes to the provider from the customer itself."""
    return (0, amount) if payer == "customer" else (amount, 0)


def _share(name: str, lines: list[Charge]) -> Share:
    return Share(
        name=name,
        amount_nano=total_nano(lines),
        customer_paid_nano=total_customer_paid_nano(lines),
        lines=len(lines),
        unpriced=sum(not line.priced for line in lines),
    )
