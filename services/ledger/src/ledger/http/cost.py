"""/api/sessions/{id}/cost"""

from typing import Annotated

from litestar import get
from litestar.params import FromQuery, QueryParameter

from chassis.http.app import Caller, PathId
from chassis.http.parameters import PositionText
from contracts.ids import ID_PATTERN
from ledger.costs import Cost, NoSuchPriceBook
from ledger.http.asking import READING, FindSessions, Reckons
from ledger.read_models.charges import Charges

BookName = Annotated[str | None, QueryParameter(pattern=ID_PATTERN)]


@get(
    "/api/sessions/{session_id:str}/cost",
    opt={**READING, "scope": "usage:read", "refuses": (*READING["refuses"], NoSuchPriceBook)},
)
async def get_cost(
    session_id: PathId,
    principal: Caller,
    sessions: FindSessions,
    costs: Reckons,
    min_position: PositionText = None,
    lines: FromQuery[bool] = False,
    price_book: BookName = None,
) -> Cost:
    """What a session cost: per agent, per turn and in all. With `lines=true` each charge line too.

    With `price_book` (a `version` of `/api/price-books`) what it would have cost by that one.
    """
    found = await sessions.find(principal, session_id, min_position=min_position, read_model=Charges.name)
    return await costs.of(found.customer, found.session, price_book=price_book, lines=lines)


ROUTES = [get_cost]
