"""/api/sessions/{id}/cost"""

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import FromQuery, QueryParameter

from chassis.errors import NotFound
from chassis.http.app import Caller, PathId
from chassis.price_books import corrections_of, read_price_book
from contracts.ids import ID_PATTERN
from contracts.money import format_amount
from contracts.price_books import corrected
from contracts.pricing import BadPriceBook, PriceBook
from ledger.domain.pricing import Charge, Share, repriced, shares, total_customer_paid_nano, total_nano
from ledger.http.asking import READING, FindSessions, PositionText, ReadModels, UnnamedBook
from ledger.read_models.charges import Charges, book_named_by, charges_of


class NoSuchPriceBook(NotFound):
    """Neither one of the customer's versions nor a deployment's book."""

    code, title = "price_book_not_found", "There is no such price book"


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a session cost, in nano-units (10^-9) of `currency`, by version `price_book`.

    `amount_nano` is what is owed. What was used with the customer's own keys at providers is not: `customer_paid_nano`
    says what that comes to by the same version, though the providers' own bills are what counts. `agents`, `turns` and
    `families` (llm, stt, tts, tool_call) each add up to both. The turn with the empty name holds what belongs to none,
    such as a greeting. `unpriced` are lines without a price, counted as 0; `lines` are all lines, where they were asked
    for. `admitted_price_book` is the version that was in force when the session began: `price_book` is another one
    where that was corrected since, or another was asked for.
    """

    session: str
    currency: str
    price_book: str
    admitted_price_book: str
    amount_nano: int
    amount: str
    customer_paid_nano: int
    customer_paid: str
    agents: list[Share]
    turns: list[Share]
    families: list[Share]
    unpriced: list[Charge]
    lines: list[Charge] | None = None


BookName = Annotated[str | None, QueryParameter(pattern=ID_PATTERN)]


@get("/api/sessions/{session_id:str}/cost", opt={**READING, "refuses": (*READING["refuses"], NoSuchPriceBook)})
async def get_cost(
    session_id: PathId,
    principal: Caller,
    sessions: FindSessions,
    pool: ReadModels,
    unnamed_book: UnnamedBook,
    min_position: PositionText = None,
    lines: FromQuery[bool] = False,
    price_book: BookName = None,
) -> Cost:
    """What a session cost: per agent, per turn and in all. With `lines=true` each charge line too.

    With `price_book` (a `version` of `/api/price-books`) what it would have cost by that one.
    """
    found = await sessions.find(principal, session_id, min_position=min_position, read_model=Charges.name)
    charges = await charges_of(pool, customer=found.customer, session=found.session)
    named = await book_named_by(pool, customer=found.customer, session=found.session) or unnamed_book
    wanted = price_book or corrected(named, await corrections_of(pool, found.customer))
    try:
        book = await read_price_book(pool, found.customer, wanted)
    except BadPriceBook as unknown:
        raise NoSuchPriceBook(str(unknown)) from unknown
    told = [line if line.price_book == book.version else repriced(line, book) for line in charges]
    return cost_of(found.session, told, book=book, named=named, lines=lines)


def cost_of(session: str, charges: list[Charge], *, book: PriceBook, named: str, lines: bool) -> Cost:
    """The answer from a session's charge lines, all of them under `book`."""
    total, customer_paid = total_nano(charges), total_customer_paid_nano(charges)
    return Cost(
        session=session,
        currency=book.currency,
        price_book=book.version,
        admitted_price_book=named,
        amount_nano=total,
        amount=format_amount(total, book.currency),
        customer_paid_nano=customer_paid,
        customer_paid=format_amount(customer_paid, book.currency),
        agents=shares(charges, lambda charge: charge.agent),
        turns=shares(charges, lambda charge: charge.turn),
        families=shares(charges, lambda charge: charge.family),
        unpriced=[charge for charge in charges if not charge.priced],
        lines=charges if lines else None,
    )


ROUTES = [get_cost]
