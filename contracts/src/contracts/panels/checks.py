"""What a panel kind must satisfy beyond its shape, so that nothing can go wrong when it is used in a session.

Each mistake is a BadPanelKind with the JSON Pointer of what is wrong. Whether a schema is itself a valid JSON Schema is
checked where the JSON Schema library lives, at registration.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from .kind import PanelKind, Schema
from .plain import MAX_INTEGER
from .refusals import BadPanelKind
from .template import OPERATORS, REFERENCE, operator_of

MAX_TEMPLATE_DEPTH = 16
#: Counted in JSON levels: a member of an object is two below it.
MAX_SCHEMA_DEPTH = 40
MAX_COMMANDS = 64
#: The argument of `control_<kind>` that names the command.
ACTION_ARGUMENT = "action"
CLOSE_TOOL = "close_panel"
HANDOFF_PREFIX = "transfer_to_"

#: The schema of a value about which the file says nothing.
_ANYTHING: Schema = {}
_VALUES_NOT_SCHEMAS = {"const", "default", "enum", "examples"}
#: Keywords whose members are schemas under names that the author chose.
_BY_NAME = {"properties", "patternProperties", "dependentSchemas", "$defs"}

Mistakes = Iterator[BadPanelKind]


def check_kind(kind: PanelKind) -> None:
    """Raises BadPanelKind at the first rule that `kind` breaks."""
    for mistake in kind_mistakes(kind):
        raise mistake


def kind_mistakes(kind: PanelKind) -> Mistakes:
    """Every rule that `kind` breaks, and where."""
    for name, specs in (("commands", kind.commands), ("events", kind.events)):
        if len(specs) > MAX_COMMANDS:
            yield BadPanelKind(f"/{name}", f"at most {MAX_COMMANDS}")
    yield from _object_schema(kind.state_schema, "/state_schema")
    yield from _open(kind)
    for name, command in kind.commands.items():
        path = f"/commands/{name}"
        yield from _object_schema(command.schema, f"{path}/schema")
        if ACTION_ARGUMENT in _properties(command.schema):
            yield BadPanelKind(f"{path}/schema/properties", f"{ACTION_ARGUMENT} is taken: it names the command")
        yield from _effect(command.effect, command.schema, kind.state_schema, f"{path}/effect")
    for name, event in kind.events.items():
        yield from _object_schema(event.schema, f"/events/{name}/schema")
        yield from _effect(event.effect, event.schema, kind.state_schema, f"/events/{name}/effect")
    yield from _tools(kind)


def schemas_of(kind: PanelKind) -> Iterator[tuple[str, Schema]]:
    """Every schema of a kind, with its pointer."""
    yield "/state_schema", kind.state_schema
    yield "/open/schema", kind.open.schema
    for name, command in kind.commands.items():
        yield f"/commands/{name}/schema", command.schema
    for name, event in kind.events.items():
        yield f"/events/{name}/schema", event.schema


def below(path: str, name: object) -> str:
    """The pointer to a member (RFC 6901)."""
    return f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}"


def schema_parts(schema: Schema, path: str) -> Iterator[tuple[str, dict[str, object]]]:
    """A schema and all schemas in it, each with its pointer. Raises BadPanelKind where they are nested too deep."""
    yield from _walk(schema, path, 0, named=False)


def _walk(value: object, path: str, depth: int, *, named: bool) -> Iterator[tuple[str, dict[str, object]]]:
    """`named`: `value` is no schema itself, its members are."""
    if depth > MAX_SCHEMA_DEPTH:
        raise BadPanelKind(path, f"nested deeper than {MAX_SCHEMA_DEPTH}")
    if isinstance(value, dict):
        if not named:
            yield path, value
        for key, member in value.items():
            if named or key not in _VALUES_NOT_SCHEMAS:
                yield from _walk(member, below(path, key), depth + 1, named=not named and key in _BY_NAME)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}/{index}", depth + 1, named=False)


def _open(kind: PanelKind) -> Mistakes:
    yield from _object_schema(kind.open.schema, "/open/schema")
    yield from _effect(kind.open.initial, kind.open.schema, kind.state_schema, "/open/initial", has_state=False)
    for name in _required(kind.state_schema):
        if name not in kind.open.initial:
            yield BadPanelKind("/open/initial", f"{name} is required in the state and has no first value")


def _object_schema(schema: Schema, path: str) -> Mistakes:
    if schema.get("type") != "object":
        yield BadPanelKind(f"{path}/type", "must be object")
    if schema.get("additionalProperties") is not False:
        yield BadPanelKind(f"{path}/additionalProperties", "must be false")
    if not isinstance(schema.get("properties", {}), dict):
        yield BadPanelKind(f"{path}/properties", "must be an object")
    try:
        for where, part in schema_parts(schema, path):
            yield from _keywords(part, where)
    except BadPanelKind as too_deep:
        yield too_deep


def _keywords(part: Mapping[str, object], path: str) -> Mistakes:
    for keyword in ("$ref", "$dynamicRef"):
        if isinstance(part.get(keyword), str):
            yield BadPanelKind(f"{path}/{keyword}", "schemas of a kind are written out, without references")
    types = part.get("type")
    for name in types if isinstance(types, list) else [types]:
        if name in ("number", "null"):
            yield BadPanelKind(f"{path}/type", f"{name}: panels have integers only, and absent members, not null")


def _effect(effect: object, args: Schema, state: Schema, path: str, *, has_state: bool = True) -> Mistakes:
    schemas = {"args": args, "state": state} if has_state else {"args": args}
    wrong = list(_template(effect, schemas, path, depth=0))
    if wrong:
        yield from wrong
    elif isinstance(effect, str) and effect.startswith("$args"):
        source = _referred(effect, schemas)
        if source is None or source.get("type") != "object":
            yield BadPanelKind(path, f"{effect} is not an object, and an effect is a merge patch")
        else:
            yield from _fits(source, state, path)
    elif isinstance(effect, dict) and operator_of(effect) is None:
        yield from _names(effect, state, path)
    else:
        yield BadPanelKind(path, "must be an object of state members, or a reference to an object in $args")


def _template(template: object, schemas: Mapping[str, Schema], path: str, *, depth: int) -> Mistakes:
    """References lead somewhere, operators exist and have their operands, numbers are whole."""
    if depth > MAX_TEMPLATE_DEPTH:
        yield BadPanelKind(path, f"nested deeper than {MAX_TEMPLATE_DEPTH}")
        return
    match template:
        case str() if template.startswith("$") and not template.startswith("$$"):
            if _referred(template, schemas) is None:
                yield BadPanelKind(path, f"{template} refers to nothing; there are {_roots(schemas)}")
        case float():
            yield BadPanelKind(path, "numbers in a state are integers")
        case int() if abs(template) > MAX_INTEGER:
            yield BadPanelKind(path, "beyond the integers that every browser counts exactly")
        case list():
            for index, item in enumerate(template):
                yield from _template(item, schemas, f"{path}/{index}", depth=depth + 1)
        case dict():
            yield from _operator(template, path)
            for key, member in template.items():
                yield from _template(member, schemas, below(path, key), depth=depth + 1)
        case _:
            pass


def _operator(template: dict[str, object], path: str) -> Mistakes:
    name = operator_of(template)
    if name is None:
        return
    operator, operands = OPERATORS.get(name), template[name]
    if operator is None:
        yield BadPanelKind(below(path, name), f"no such operator; there are {', '.join(OPERATORS)}")
    elif len(template) > 1:
        yield BadPanelKind(path, f"{name} stands alone in its object")
    elif not isinstance(operands, list) or not operator.takes(len(operands)):
        yield BadPanelKind(below(path, name), f"takes an array of {operator.count or 'one or more'}")


def _names(effect: dict[str, object], target: Schema, path: str) -> Mistakes:
    """Every member that the effect writes is one of the state schema; what it deletes may be absent."""
    for name, member in effect.items():
        schema = _member(target, name)
        if schema is None:
            yield BadPanelKind(below(path, name), "not a member of the state")
        elif member is None and name in _required(target):
            yield BadPanelKind(below(path, name), "required in the state, and cannot be deleted")
        elif isinstance(member, dict) and operator_of(member) is None:
            yield from _names(member, schema, below(path, name))


def _fits(source: Schema, target: Schema, path: str) -> Mistakes:
    """A whole object as a patch: each member that its schema allows is one of the state."""
    if source.get("additionalProperties") is not False:
        yield BadPanelKind(path, "an object that becomes a patch must have additionalProperties false")
    for name in _properties(source):
        if _member(target, name) is None:
            yield BadPanelKind(path, f"{name} is not a member of the state")


def _tools(kind: PanelKind) -> Mistakes:
    generated = {f"{verb}_{kind.kind}" for verb in ("open", "control")}
    names = sorted(tool.name for tool in kind.tools)
    for name, following in pairwise(names):
        if name == following:
            yield BadPanelKind("/tools", f"two tools are called {name}")
    for index, tool in enumerate(kind.tools):
        path = f"/tools/{index}"
        if tool.name in generated or tool.name == CLOSE_TOOL or tool.name.startswith(HANDOFF_PREFIX):
            yield BadPanelKind(f"{path}/name", f"{tool.name} is taken")
        if (tool.command is None) == (tool.read is None):
            yield BadPanelKind(path, "has either command or read")
        if tool.command is not None and tool.name == f"read_{kind.kind}":
            yield BadPanelKind(f"{path}/name", f"{tool.name} reads, and may not give a command")
        if tool.command is not None and tool.command not in kind.commands:
            yield BadPanelKind(f"{path}/command", f"no command is called {tool.command}")
        for name in tool.read or ():
            if name not in _properties(kind.state_schema):
                yield BadPanelKind(f"{path}/read", f"{name} is not a member of the state")


def _referred(reference: str, schemas: Mapping[str, Schema]) -> Schema | None:
    found = REFERENCE.match(reference)
    schema = schemas.get(found[1]) if found else None
    for name in found[2].split(".")[1:] if found else ():
        schema = None if schema is None else _member(schema, name)
    return schema


def _roots(schemas: Mapping[str, Schema]) -> str:
    return "; ".join(f"${root} with {', '.join(_properties(schema)) or 'nothing'}" for root, schema in schemas.items())


def _member(schema: Schema, name: str) -> Schema | None:
    """The schema of this member, empty where the file does not say, None where it cannot be there."""
    properties = _properties(schema)
    if name in properties:
        return _as_schema(properties[name])
    if schema.get("type", "object") != "object":
        return None
    others = schema.get("additionalProperties", True)
    if others is False and "patternProperties" not in schema:
        return None
    return _as_schema(others)


def _as_schema(value: object) -> Schema:
    return value if isinstance(value, dict) else _ANYTHING


def _properties(schema: Schema) -> dict[str, object]:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _required(schema: Schema) -> list[str]:
    required = schema.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
