"""What a session cost, from its charge lines, by the version of the price book that is now right for it."""

import msgspec
from asyncpg import Pool

from chassis.errors import NotFound, Refusal
from chassis.postgres.price_books import corrections_of, read_price_book
from chassis.postgres.wait import wait_for_position
from contracts.commands.costs import CostAnswer, CostNotTold, CostTold, TellCost
from contracts.ids import CustomerId
from contracts.money import format_amount
from contracts.positions import decode_position
from contracts.price_books import corrected
from contracts.pricing import BadPriceBook, PriceBook
from ledger.domain.pricing import Charge, Share, repriced, shares, total_customer_paid_nano, total_nano
from ledger.read_models.charges import Charges, book_named_by, charges_of

_WAIT_S = 2.0


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


class Costs:
    """Raises ReadModelsOutOfReach. `unnamed_book` prices sessions that name none."""

    def __init__(self, *, pool: Pool, unnamed_book: str) -> None:
        self._pool, self._unnamed_book = pool, unnamed_book

    async def of(self, customer: CustomerId, session: str, *, price_book: str | None = None, lines: bool) -> Cost:
        """The cost by `price_book`; without, by the version in force when it began, or its correction.

        Raises NoSuchPriceBook.
        """
        charges = await charges_of(self._pool, customer=customer, session=session)
        named = await book_named_by(self._pool, customer=customer, session=session) or self._unnamed_book
        wanted = price_book or corrected(named, await corrections_of(self._pool, customer))
        try:
            book = await read_price_book(self._pool, customer, wanted)
        except BadPriceBook as unknown:
            raise NoSuchPriceBook(str(unknown)) from unknown
        told = [line if line.price_book == book.version else repriced(line, book) for line in charges]
        return cost_of(session, told, book=book, named=named, lines=lines)

    async def tell(self, asked: TellCost) -> CostAnswer:
        """The answer to SESSION_COST; waits at most 2 s until the charges have come as far."""
        try:
            wanted = decode_position(asked.position)
            await wait_for_position(self._pool, "ledger", Charges.name, wanted, timeout_s=_WAIT_S)
            cost = await self.of(asked.customer, asked.session, lines=False)
        except Refusal as refusal:
            return CostNotTold(code=refusal.code)
        return CostTold(
            currency=cost.currency,
            price_book=cost.price_book,
            amount_nano=cost.amount_nano,
            amount=cost.amount,
            customer_paid_nano=cost.customer_paid_nano,
            unpriced=len(cost.unpriced),
        )


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
