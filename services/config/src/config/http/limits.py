"""/api/limits: how a customer limits itself. An operator's cap holds beside it: of both the lower."""

import msgspec
from litestar import Response, get, put
from litestar.params import JSONBody

from chassis.http.app import Caller
from chassis.http.conditions import BadTag, IfMatch, precondition
from config.domain.limits import InvalidLimits, State
from config.http.answers import encoded, tagged
from config.http.price_books import KnowsTerms
from contracts.limits import CustomerLimits
from contracts.positions import Position


class LimitsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The limits as they now read; `number` is that of their version, 0 before any were set."""

    number: int
    limits: CustomerLimits
    position: str = ""


class LimitsVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The limits as they read once."""

    number: int
    limits: CustomerLimits
    set_at: str
    set_by: str


class LimitsHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Every version, the last first; there is one page."""

    data: list[LimitsVersion]
    next_cursor: str | None = None


@get("/api/limits", opt={"scope": "limits:read", "etag": True})
async def get_limits(principal: Caller, terms: KnowsTerms) -> Response[LimitsAnswer]:
    """Your limits."""
    stream = await terms.limits(principal.customer)
    return _answer(stream.state, stream.position)


@put(
    "/api/limits",
    opt={"scope": "limits:write", "refuses": (InvalidLimits, BadTag), "conditional": True, "etag": True},
)
async def set_limits(
    data: JSONBody[CustomerLimits], principal: Caller, terms: KnowsTerms, if_match: IfMatch = None
) -> Response[LimitsAnswer]:
    """Set all limits at once: what is left out is not limited. Sessions that start from now on are held to them.

    Changing limits that were set before needs If-Match.
    """
    handled = await terms.set_limits(principal, data, check=precondition(if_match))
    return _answer(handled.state, handled.position)


@get("/api/limits/versions", opt={"scope": "limits:read"})
async def list_limits(principal: Caller, terms: KnowsTerms) -> LimitsHistory:
    """How your limits read over time, and who set them."""
    found = await terms.limits_set(principal.customer)
    data = [LimitsVersion(number=one.number, limits=one.limits, set_at=made.at, set_by=made.by) for one, made in found]
    return LimitsHistory(data=data)


def _answer(state: State, position: Position | None) -> Response[LimitsAnswer]:
    told = LimitsAnswer(number=state.number, limits=state.limits, position=encoded(position))
    return Response(told, headers=tagged(position))


ROUTES = [get_limits, set_limits, list_limits]
