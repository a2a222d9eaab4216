"""/api/sessions/{id}/cost"""

import msgspec
from litestar import get
from litestar.params import FromQuery

from chassis.http.app import Caller, PathId
from contracts.money import format_amount
from contracts.pricing import PriceBook
from ledger.domain.pricing import Charge, Share, shares, total_nano
from ledger.http.asking import READING, FindSessions, PositionText, Prices, ReadModels
from ledger.read_models.charges import Charges, charges_of


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a session cost, in nano-units (10^-9) of `currency`, by version `price_book`.

    `agents`, `turns` and `families` (llm, stt, tts, tool_call) each add up to `amount_nano`. The turn with the empty
    name holds what belongs to none, such as a greeting. `unpriced` are lines without a price, counted as 0; `lines`
    are all lines, where they were asked for.
    """

    session: str
    currency: str
    price_book: str
    amount_nano: int
    amount: str
    agents: list[Share]
    turns: list[Share]
    families: list[Share]
    unpriced: list[Charge]
    lines: list[Charge] | None = None


@get("/api/sessions/{session_id:str}/cost", opt=READING)
async def get_cost(
    session_id: PathId,
    principal: Caller,
    sessions: FindSessions,
    pool: ReadModels,
    book: Prices,
    min_position: PositionText = None,
    lines: FromQuery[bool] = False,
) -> Cost:
    """What a session cost: per agent, per turn and in all. With `lines=true` each charge line too."""
    found = await sessions.find(principal, session_id, min_position=min_position, read_model=Charges.name)
    charges = await charges_of(pool, customer=found.customer, session=found.session, price_book=book.version)
    return cost_of(found.session, charges, book=book, lines=lines)


def cost_of(session: str, charges: list[Charge], *, book: PriceBook, lines: bool) -> Cost:
    """The answer from a session's charge lines."""
    total = total_nano(charges)
    return Cost(
        session=session,
        currency=book.currency,
        price_book=book.version,
        amount_nano=total,
        amount=format_amount(total, book.currency),
        agents=shares(charges, lambda charge: charge.agent),
        turns=shares(charges, lambda charge: charge.turn),
        families=shares(charges, lambda charge: charge.family),
        unpriced=[charge for charge in charges if not charge.priced],
        lines=charges if lines else None,
    )


ROUTES = [get_cost]
