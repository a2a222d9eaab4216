"""Conditions over what a session knows: small, total, closed. The guard of a handoff is one.

    {"flag": "verified", "equals": true}            a flag that the template declares
    {"variable": "plan", "equals": "gold"}          a variable that the template declares
    {"preference": "language", "equals": "de"}      what the participant was said to prefer; absent is equal to nothing
    {"all": [...]}  {"any": [...]}  {"not": {...}}  of conditions

A condition always has an answer: nothing in it can fail, and nothing is computed.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from contracts.variables import Scalar

MAX_DEPTH = 8
MAX_PARTS = 50

Values = Mapping[str, object]
"""By path, for example ``{"flags.verified": True}``: the values of placeholders."""


class Condition(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"every": "all", "some": "any", "negated": "not"},
):
    """Exactly one form: `all`, `any` or `not`; or `flag`, `variable` or `preference` with `equals`."""

    every: "list[Condition] | UnsetType" = UNSET
    some: "list[Condition] | UnsetType" = UNSET
    negated: "Condition | UnsetType" = UNSET
    flag: str | UnsetType = UNSET
    variable: str | UnsetType = UNSET
    preference: str | UnsetType = UNSET
    equals: Scalar | UnsetType = UNSET

    @property
    def parts(self) -> "list[Condition]":
        """The conditions that it is made of."""
        nested = [] if self.negated is UNSET else [self.negated]
        return [*(self.every or ()), *(self.some or ()), *nested]

    @property
    def path(self) -> str:
        """Of the value that it compares; empty where it compares none."""
        areas = {"flags": self.flag, "variables": self.variable, "user.preferences": self.preference}
        return next((f"{area}.{name}" for area, name in areas.items() if name is not UNSET), "")


class Mistake(NamedTuple):
    """A JSON Pointer into the condition, a stable code, and the mistake in words."""

    pointer: str
    code: str
    detail: str


def holds(condition: Condition, values: Values) -> bool:
    """Whether it is so. Never raises."""
    if condition.every is not UNSET:
        return all(holds(part, values) for part in condition.every)
    if condition.some is not UNSET:
        return any(holds(part, values) for part in condition.some)
    if condition.negated is not UNSET:
        return not holds(condition.negated, values)
    return _equal(values.get(condition.path), condition.equals)


def told(condition: Condition) -> str:
    """In words, for a model that asks why not."""
    if condition.every is not UNSET:
        return " and ".join(_bracketed(part) for part in condition.every)
    if condition.some is not UNSET:
        return " or ".join(_bracketed(part) for part in condition.some)
    if condition.negated is not UNSET:
        return f"not {_bracketed(condition.negated)}"
    return f"{condition.path} is {msgspec.json.encode(condition.equals).decode()}"


def mistakes(condition: Condition) -> Iterator[Mistake]:
    """Every part that has no form or more than one, and bounds that are passed."""
    found = list(parts_of(condition))
    if len(found) > MAX_PARTS:
        yield Mistake("", "too_many", f"a condition has at most {MAX_PARTS} parts")
    for where, part, depth in found:
        if depth > MAX_DEPTH:
            yield Mistake(where, "too_deep", f"conditions are nested at most {MAX_DEPTH} deep")
        else:
            yield from _form(where, part)


def parts_of(condition: Condition, where: str = "", depth: int = 1) -> Iterator[tuple[str, Condition, int]]:
    """The condition and those in it, each with its pointer and depth; what lies one below the bound comes, no more."""
    yield where, condition, depth
    if depth > MAX_DEPTH:
        return
    for name, parts in (("all", condition.every), ("any", condition.some)):
        for place, part in enumerate(parts or ()):
            yield from parts_of(part, f"{where}/{name}/{place}", depth + 1)
    if condition.negated is not UNSET:
        yield from parts_of(condition.negated, f"{where}/not", depth + 1)


def _form(where: str, part: Condition) -> Iterator[Mistake]:
    compares = sum(name is not UNSET for name in (part.flag, part.variable, part.preference))
    combines = sum(form is not UNSET for form in (part.every, part.some, part.negated))
    if compares + combines != 1:
        detail = "exactly one of all, any, not, flag, variable and preference"
        yield Mistake(where, "not_a_condition", detail)
    elif compares and part.equals is UNSET:
        yield Mistake(f"{where}/equals", "required", "what the value shall be equal to")
    elif combines and part.equals is not UNSET:
        yield Mistake(f"{where}/equals", "not_a_condition", "equals goes with flag, variable or preference")
    elif combines and not part.parts:
        yield Mistake(where, "not_a_condition", "an empty list is no condition")


def _equal(value: object, wanted: object) -> bool:
    # In Python True == 1; in a template a boolean is no number.
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def _bracketed(part: Condition) -> str:
    return f"({told(part)})" if len(part.parts) > 1 else told(part)
