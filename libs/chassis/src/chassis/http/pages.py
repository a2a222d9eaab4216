"""Lists by pages: a limit, and an opaque cursor that says after which thing the next page begins.

The order of a list is stable, and a cursor holds the sort key of the last thing given, never an offset.
"""

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import msgspec
from litestar.params import QueryParameter

from chassis.errors import FieldError, InvalidInput

MAX_LIMIT = 100
DEFAULT_LIMIT = 20

PageLimit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)]
"""A handler's argument `limit: PageLimit = DEFAULT_LIMIT`."""

CursorText = Annotated[str | None, QueryParameter(schema_extra={"pattern": "^[A-Za-z0-9_-]+$"})]
"""A handler's argument `cursor: CursorText = None`."""

T = TypeVar("T")
K = TypeVar("K")


class BadCursor(InvalidInput):
    """A text that no page gave."""

    code, title = "invalid_cursor", "The cursor is not one that a page gave"


def encode_cursor(key: object) -> str:
    """The opaque text of a sort key (anything that JSON can hold); safe in URLs."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def decode_cursor(text: str | None, kind: type[K]) -> K | None:
    """Inverse of `encode_cursor`, None for no cursor; raises BadCursor."""
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = msgspec.json.decode(raw, type=kind)
        parts = found if isinstance(found, list | tuple) else [found]
        if any(isinstance(part, str) and "\0" in part for part in parts):
            raise ValueError("no page gave a zero character, which no text of a database can hold")
        return found
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadCursor(errors=[FieldError("/cursor", "invalid_cursor", "use `next_cursor` as it came")]) from error


def page_of(found: Sequence[T], *, limit: int, key: Callable[[T], object]) -> tuple[list[T], str | None]:
    """The page and its `next_cursor`, from up to ``limit + 1`` things found after the cursor."""
    data = list(found[:limit])
    return data, encode_cursor(key(data[-1])) if data and len(found) > limit else None
