"""Positions, moments and ids as they come in a query: checked here, before anything else sees them."""

from datetime import datetime
from typing import Annotated

from litestar.params import QueryParameter

from chassis.errors import FieldError, InvalidInput
from contracts.ids import ID_PATTERN
from contracts.positions import POSITION_PATTERN, InvalidPosition, Position, decode_position


class BadPosition(InvalidInput):
    """A text that no position encodes to."""

    code, title = "invalid_position", "The position is not a position"


class BadTime(InvalidInput):
    """A moment that is none, or that does not say its offset."""

    code, title = "invalid_time", "A time is RFC 3339 with its offset"


IdText = Annotated[str | None, QueryParameter(pattern=ID_PATTERN)]
"""A handler's argument that is an id in the query, such as `actor: IdText = None`."""


def one_of(*values: str) -> QueryParameter:
    """Marks a handler's argument of the type ``str | None`` as one of these. As a Literal it would take `null`."""
    return QueryParameter(pattern=f"^({'|'.join(values)})$", schema_extra={"enum": list(values)})


MomentText = Annotated[str | None, QueryParameter(schema_extra={"format": "date-time"})]
"""A moment in the query, not yet read."""

PositionText = Annotated[str | None, QueryParameter(schema_extra={"pattern": POSITION_PATTERN})]
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


def moment(text: str | None, *, name: str) -> datetime | None:
    """The moment in the query parameter `name` (RFC 3339), None where it is absent; raises BadTime."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus that nobody escaped
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadTime(errors=[FieldError(f"/{name}", BadTime.code, "RFC 3339, for example 2026-01-31T12:00:00Z")])
    return found
