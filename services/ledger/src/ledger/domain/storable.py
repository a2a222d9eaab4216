"""What PostgreSQL's text and jsonb cannot hold, made into something that they can. Pure.

The record has the bytes as they were; a read model must not park a session because a stranger sent a NUL.
"""

from typing import Any

import msgspec

_NUL, _REPLACEMENT = "\0", "\ufffd"


def storable(value: object) -> Any:
    """`value` as JSON values, each NUL replaced by U+FFFD."""
    return _storable(msgspec.to_builtins(value))


def _storable(value: Any) -> Any:
    match value:
        case str():
            return value.replace(_NUL, _REPLACEMENT)
        case dict():
            return {_storable(name): _storable(member) for name, member in value.items()}
        case list() | tuple():
            return [_storable(member) for member in value]
        case _:
            return value
