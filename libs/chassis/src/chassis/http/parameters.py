"""Positions as they come in a query: decoded here, before anything else sees them."""

from litestar.params import FromQuery

from chassis.errors import FieldError, InvalidInput
from contracts.positions import InvalidPosition, Position, decode_position


class BadPosition(InvalidInput):
    """A text that no position encodes to."""

    code, title = "invalid_position", "The position is not a position"


PositionText = FromQuery[str | None]
"""A position in the query, not yet decoded."""


def position(text: str | None, *, name: str) -> Position | None:
    """The position in the query parameter `name`, None where it is absent; raises BadPosition."""
    if text is None:
        return None
    try:
        return decode_position(text)
    except InvalidPosition as error:
        where = FieldError(pointer=f"/{name}", code=error.code, detail=str(error))
        raise BadPosition(str(error), errors=[where]) from error
