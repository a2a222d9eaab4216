"""Ids and positions as they come in a path or a query: checked here, before anything else sees them."""

from chassis.errors import FieldError, InvalidInput
from contracts.ids import InvalidId, SessionId, check_id
from contracts.positions import InvalidPosition, Position, decode_position


class BadId(InvalidInput):
    """An id that no id looks like."""

    code, title = "invalid_id", "The id is not an id"


class BadPosition(InvalidInput):
    """A text that no position encodes to."""

    code, title = "invalid_position", "The position is not a position"


def session_id(text: str) -> SessionId:
    """The session's id in a path; raises BadId."""
    try:
        return SessionId(check_id(text))
    except InvalidId as error:
        raise BadId(str(error)) from error


def position(text: str | None, *, name: str) -> Position | None:
    """The position in the query parameter `name`, None where it is absent; raises BadPosition."""
    if text is None:
        return None
    try:
        return decode_position(text)
    except InvalidPosition as error:
        where = FieldError(pointer=f"/{name}", code=error.code, detail=str(error))
        raise BadPosition(str(error), errors=[where]) from error
