"""What a template declares of its sessions: variables given at start, flags set on the way; typed, with defaults."""

from collections.abc import Mapping
from typing import Literal

import msgspec

VariableType = Literal["string", "integer", "number", "boolean"]
Scalar = str | int | float | bool

_TYPES: dict[VariableType, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_NEUTRAL: dict[VariableType, Scalar] = {"string": "", "integer": 0, "number": 0, "boolean": False}


class Declaration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One variable or flag. Without a default it has the neutral value of its type."""

    type: VariableType = "string"
    default: Scalar | None = None
    description: str = ""

    @property
    def initial(self) -> Scalar:
        """The value until somebody gives another."""
        return _NEUTRAL[self.type] if self.default is None else self.default


Declarations = Mapping[str, Declaration]


def fits(value: object, type: VariableType) -> bool:
    """Whether a JSON value is of the type; a boolean is no integer."""
    return isinstance(value, _TYPES[type]) and (isinstance(value, bool) == (type == "boolean"))


def initial_values(declared: Declarations) -> dict[str, Scalar]:
    """Every declared name with its first value."""
    return {name: declaration.initial for name, declaration in declared.items()}
