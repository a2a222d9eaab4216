"""What all answers of config share."""

from chassis.errors import InvalidInput
from contracts.ids import InvalidId, check_id
from contracts.positions import Position


class BadId(InvalidInput):
    """An id in the path that no id looks like."""

    code, title = "invalid_id", "The id in the path is not an id"


def path_id(text: str) -> str:
    """`text` if it is an id; raises BadId before anything else sees it."""
    try:
        return check_id(text)
    except InvalidId as error:
        raise BadId(str(error)) from error


def encoded(position: Position | None) -> str:
    """The opaque text of a position, empty where nothing was ever written."""
    return position.encode() if position else ""
