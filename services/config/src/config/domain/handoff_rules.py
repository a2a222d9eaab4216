"""What an edge of the handoff graph must be. Pointers go into the handoff target.

A guard compares what the template declares with a value of the declared type, so that it can hold at all.
"""

from collections.abc import Iterator

from msgspec import UNSET

from chassis.errors import FieldError
from config.domain.pointers import below, outside, pointer
from config.domain.schema_rules import schema_errors
from contracts.conditions import Condition, mistakes, parts_of
from contracts.panels.kind import Schema
from contracts.template_version import REASON, HandoffTarget, TemplateDraft
from contracts.variables import Declarations, fits

_AT_THE_TOP = {"type", "properties", "required", "additionalProperties", "$defs", "title", "description"}


def edge_errors(target: HandoffTarget) -> Iterator[FieldError]:
    """Every mistake that shows in the edge alone."""
    if target.policy == "last_n" and not target.last_n:
        yield FieldError("/last_n", "required", "last_n needs a count")
    elif target.last_n is not None:
        yield from outside("/last_n", target.last_n, 1, 1000)
    if target.arguments is not UNSET:
        yield from _arguments(target.arguments)
    if target.guard is not UNSET:
        for wrong in mistakes(target.guard):
            yield FieldError(f"/guard{wrong.pointer}", wrong.code, wrong.detail)


def guard_errors(draft: TemplateDraft, target: HandoffTarget) -> Iterator[FieldError]:
    """Where the guard names what the template does not declare, or compares it with a value of another type."""
    if target.guard is UNSET:
        return
    for where, part, _ in parts_of(target.guard):
        yield from below(f"/guard{where}", _compared(draft, part))


def _compared(draft: TemplateDraft, part: Condition) -> Iterator[FieldError]:
    for area, name, declared in (
        ("flag", part.flag, draft.flags or {}),
        ("variable", part.variable, draft.variables or {}),
    ):
        if name is not UNSET:
            yield from _declared(area, name, declared, part)


def _declared(area: str, name: str, declared: Declarations, part: Condition) -> Iterator[FieldError]:
    declaration = declared.get(name)
    if declaration is None:
        yield FieldError(f"/{area}", f"unknown_{area}", f"the template declares no {area} {name[:64]}")
    elif part.equals is not UNSET and not fits(part.equals, declaration.type):
        yield FieldError("/equals", "wrong_type", f"{name} is a {declaration.type}")


def _arguments(schema: Schema) -> Iterator[FieldError]:
    """The reason joins the properties of the schema, so at its top it says no more than what they are."""
    yield from schema_errors(schema, "/arguments")
    for keyword in schema.keys() - _AT_THE_TOP:
        detail = f"at its top a schema of arguments has {', '.join(sorted(_AT_THE_TOP))} only"
        yield FieldError(pointer("arguments", keyword), "not_offered", detail)
    properties = schema.get("properties")
    if isinstance(properties, dict) and REASON in properties:
        yield FieldError(f"/arguments/properties/{REASON}", "taken", f"{REASON} is an argument of every transfer")
