"""What a JSON Schema (2020-12) of a customer's must be that says what a model may hand to a tool.

Values that a model makes up are checked against it inside a live call: so references stay inside the schema and never
go round, and regular expressions, which no time limit can stop, are not offered.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import cast

import jsonschema
import msgspec

from chassis.errors import FieldError
from config.domain.pointers import below, pointer

MAX_SCHEMA_BYTES = 16 * 1024
MAX_DEPTH = 32
MAX_NESTED = 128
"""Levels of JSON, far below what a process can follow."""
MAX_MISTAKES = 20
_DEFINED = re.compile(r"#/\$defs/([A-Za-z0-9_-]+)\Z")
NOT_OFFERED = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$schema", "pattern", "patternProperties")
VALUES_NOT_SCHEMAS = ("const", "default", "enum", "examples")
BY_NAME = ("properties", "$defs", "dependentSchemas")


def schema_errors(schema: Mapping[str, object], where: str = "/parameters") -> Iterator[FieldError]:
    """Every mistake of the schema of an object that stands at `where`, or the one that hides the others."""
    yield from below(where, _schema_errors(schema))


def schema_advice(schema: Mapping[str, object]) -> Iterator[FieldError]:
    """What is allowed, and would be better otherwise."""
    if schema.get("additionalProperties") is not False:
        detail = "say additionalProperties: false, so that a model cannot invent arguments"
        yield FieldError("/parameters/additionalProperties", "advised", detail)
    properties = schema.get("properties")
    for name, part in properties.items() if isinstance(properties, dict) else ():
        if isinstance(part, dict) and part.get("type") == "string" and not {"maxLength", "enum", "const"} & set(part):
            where = pointer("parameters", "properties", name, "maxLength")
            yield FieldError(where, "advised", f"say how long {name} may be")


def argument_errors(schema: Mapping[str, object], arguments: Mapping[str, object]) -> Iterator[FieldError]:
    """Where arguments break a schema that was checked; the rule is named, never the value."""
    for error in islice(jsonschema.Draft202012Validator(schema).iter_errors(arguments), MAX_MISTAKES):
        where = pointer("arguments", *error.absolute_path)
        yield FieldError(where, "breaks_schema", f"breaks the rule {error.validator}")


def too_deep(value: object) -> bool:
    """Whether JSON is nested deeper than MAX_NESTED, values that are no schemas included."""
    level: list[object] = [value]
    for _ in range(MAX_NESTED):
        level = [member for one in level for member in _members(one)]
        if not level:
            return False
    return True


def _members(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


def _schema_errors(schema: Mapping[str, object]) -> Iterator[FieldError]:
    if too_deep(schema):
        yield FieldError("", "too_deep", f"a schema is nested at most {MAX_DEPTH} deep")
        return
    if len(msgspec.json.encode(schema)) > MAX_SCHEMA_BYTES:
        yield FieldError("", "too_large", f"a schema has at most {MAX_SCHEMA_BYTES} bytes")
        return
    if schema.get("type") != "object":
        yield FieldError("/type", "not_an_object", "the parameters are an object")
    found = list(_keyword_errors(schema, (), 0))
    yield from found
    if found:
        return
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        where = pointer(*error.absolute_path)
        yield FieldError(where, "not_a_schema", f"not JSON Schema 2020-12: breaks the rule {error.validator}")
        return
    yield from _reference_errors(schema)


def _keyword_errors(part: object, path: tuple[object, ...], depth: int) -> Iterator[FieldError]:
    if depth > MAX_DEPTH:
        yield FieldError(pointer(*path), "too_deep", f"a schema is nested at most {MAX_DEPTH} deep")
    elif isinstance(part, list):
        for place, value in enumerate(part):
            yield from _keyword_errors(value, (*path, place), depth + 1)
    elif isinstance(part, dict):
        yield from _own_keyword_errors(part, path)
        for keyword, value in part.items():
            if keyword in BY_NAME and isinstance(value, dict):
                for name, named in value.items():
                    yield from _keyword_errors(named, (*path, keyword, name), depth + 1)
            elif keyword not in VALUES_NOT_SCHEMAS:
                yield from _keyword_errors(value, (*path, keyword), depth + 1)


def _own_keyword_errors(part: Mapping[str, object], path: tuple[object, ...]) -> Iterator[FieldError]:
    for keyword in NOT_OFFERED:
        if keyword in part:
            yield FieldError(pointer(*path, keyword), "not_offered", f"{keyword} is not offered")
    if "$ref" in part and not (isinstance(part["$ref"], str) and _DEFINED.match(part["$ref"])):
        yield FieldError(pointer(*path, "$ref"), "remote_reference", "a reference is #/$defs/<name>")


def _reference_errors(schema: Mapping[str, object]) -> Iterator[FieldError]:
    """References to nothing, and those that go round: a validator would follow them for ever."""
    defined = cast(Mapping[str, object], schema.get("$defs", {}))
    edges = {name: set(_references(part)) for name, part in defined.items()}
    for name in sorted(set(_references(schema)) - set(defined)):
        yield FieldError("/$defs", "unknown_reference", f"$defs has no {name[:64]}")
    for name in sorted(edges):
        if name in _reached(name, edges):
            yield FieldError(pointer("$defs", name), "circular_reference", f"{name} refers to itself")


def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    frontier = [start]
    while frontier:
        for name in edges.get(frontier.pop(), set()) - seen:
            seen.add(name)
            frontier.append(name)
    return seen


def _references(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        reference = part.get("$ref")
        if isinstance(reference, str) and (match := _DEFINED.match(reference)):
            yield match[1]
        for keyword, value in part.items():
            if keyword not in VALUES_NOT_SCHEMAS:
                yield from _references(value)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for value in part:
            yield from _references(value)
