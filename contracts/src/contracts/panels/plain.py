"""What a value must be to enter a panel's state: plain JSON that Python and a browser read, count and hash alike.

No floats, no integers beyond what a double holds exactly, no nulls but the ones that delete in a merge patch, no text
that UTF-8 cannot carry, a bounded depth. `1.0` is taken as `1`, because JavaScript cannot tell them apart.
"""

import re
from collections.abc import Mapping

from .refusals import BadSchema

#: Number.MAX_SAFE_INTEGER.
MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 32
#: An assignment to this name would change an object's prototype in the browser.
FORBIDDEN_KEY = "__proto__"

_ARGUMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


def plain_object(value: Mapping[str, object], what: str) -> dict[str, object]:
    """A copy of `value` with whole floats made integers. Raises BadSchema at whatever cannot enter a state.

    The message begins with `what` and the top member's name, and goes no deeper: keys further down may be words that
    somebody typed.
    """
    plain: dict[str, object] = {}
    for name, member in value.items():
        try:
            plain[_key(name)] = _value(member, depth=1, in_array=False)
        except _NotPlain as error:
            where = f"{what}.{name}" if _ARGUMENT_NAME.match(str(name)) else what
            raise BadSchema(f"{where}: {error}") from None
    return plain


class _NotPlain(Exception):
    pass


def _value(value: object, *, depth: int, in_array: bool) -> object:
    match value:
        case bool():
            return value
        case int() | float():
            return _integer(value)
        case str():
            return _text(value)
        case list() | tuple() | dict() if depth >= MAX_DEPTH:
            raise _NotPlain(f"nested deeper than {MAX_DEPTH}")
        case list() | tuple():
            return [_value(item, depth=depth + 1, in_array=True) for item in value]
        case dict():
            return {_key(key): _value(member, depth=depth + 1, in_array=in_array) for key, member in value.items()}
        case None if in_array:
            raise _NotPlain("null has no place inside an array")
        case None:
            return None
        case _:
            raise _NotPlain("not JSON")


def _integer(value: int | float) -> int:
    # A float that is infinite or not a number fails the comparison, and never reaches int().
    if not -MAX_INTEGER <= value <= MAX_INTEGER or value != int(value):
        raise _NotPlain("numbers are integers between -(2^53-1) and 2^53-1")
    return int(value)


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise _NotPlain("keys are text")
    if key == FORBIDDEN_KEY:
        raise _NotPlain(f"no key may be called {FORBIDDEN_KEY}")
    return _text(key)


def _text(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _NotPlain("text with half a surrogate pair") from None
    return text
