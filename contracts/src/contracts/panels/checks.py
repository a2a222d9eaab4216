"""What a panel kind must satisfy beyond its shape, so that nothing can go wrong when it is used in a session.

Each check raises BadPanelKind with the path of the first thing that is wrong. Whether a schema is itself a valid JSON
Schema is checked where the JSON Schema library lives, at registration.
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


def check_kind(kind: PanelKind) -> None:
    """Raises BadPanelKind at the first rule that `kind` breaks."""
    for name, specs in (("commands", kind.commands), ("events", kind.events)):
        if len(specs) > MAX_COMMANDS:
            raise BadPanelKind(f"/{name}", f"at most {MAX_COMMANDS}")
    _check_object_schema(kind.state_schema, "/state_schema")
    _check_open(kind)
    for name, command in kind.commands.items():
        path = f"/commands/{name}"
        _check_object_schema(command.schema, f"{path}/schema")
        if ACTION_ARGUMENT in _properties(command.schema):
            raise BadPanelKind(f"{path}/schema/properties", f"{ACTION_ARGUMENT} is taken: it names the command")
        _check_effect(command.effect, command.schema, kind.state_schema, f"{path}/effect")
    for name, event in kind.events.items():
        _check_object_schema(event.schema, f"/events/{name}/schema")
        _check_effect(event.effect, event.schema, kind.state_schema, f"/events/{name}/effect")
    _check_tools(kind)


def _check_open(kind: PanelKind) -> None:
    _check_object_schema(kind.open.schema, "/open/schema")
    _check_effect(kind.open.initial, kind.open.schema, kind.state_schema, "/open/initial", has_state=False)
    for name in _required(kind.state_schema):
        if name not in kind.open.initial:
            raise BadPanelKind("/open/initial", f"{name} is required in the state and has no first value")


def _check_object_schema(schema: Schema, path: str) -> None:
    if schema.get("type") != "object":
        raise BadPanelKind(f"{path}/type", "must be object")
    if schema.get("additionalProperties") is not False:
        raise BadPanelKind(f"{path}/additionalProperties", "must be false")
    if not isinstance(schema.get("properties", {}), dict):
        raise BadPanelKind(f"{path}/properties", "must be an object")
    for where, part in _walk(schema, path):
        _check_keywords(part, where)


def _check_keywords(part: Mapping[str, object], path: str) -> None:
    for keyword in ("$ref", "$dynamicRef"):
        if isinstance(part.get(keyword), str):
            raise BadPanelKind(f"{path}/{keyword}", "schemas of a kind are written out, without references")
    types = part.get("type")
    for name in types if isinstance(types, list) else [types]:
        if name in ("number", "null"):
            raise BadPanelKind(f"{path}/type", f"{name}: panels have integers only, and absent members, not null")


def _walk(value: object, path: str, depth: int = 0) -> Iterator[tuple[str, dict[str, object]]]:
    if depth > MAX_SCHEMA_DEPTH:
        raise BadPanelKind(path, f"nested deeper than {MAX_SCHEMA_DEPTH}")
    if isinstance(value, dict):
        yield path, value
        for key, member in value.items():
            if key not in _VALUES_NOT_SCHEMAS or path.endswith("/properties"):
                yield from _walk(member, f"{path}/{key}", depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}/{index}", depth + 1)


def _check_effect(effect: object, args: Schema, state: Schema, path: str, *, has_state: bool = True) -> None:
    schemas = {"args": args, "state": state} if has_state else {"args": args}
    _check_template(effect, schemas, path, depth=0)
    if isinstance(effect, str) and effect.startswith("$args"):
        source = _referred(effect, schemas)
        if source is None or source.get("type") != "object":
            raise BadPanelKind(path, f"{effect} is not an object, and an effect is a merge patch")
        _check_fits(source, state, path)
    elif isinstance(effect, dict) and operator_of(effect) is None:
        _check_names(effect, state, path)
    else:
        raise BadPanelKind(path, "must be an object of state members, or a reference to an object in $args")


def _check_template(template: object, schemas: Mapping[str, Schema], path: str, *, depth: int) -> None:
    """References lead somewhere, operators exist and have their operands, numbers are whole."""
    if depth > MAX_TEMPLATE_DEPTH:
        raise BadPanelKind(path, f"nested deeper than {MAX_TEMPLATE_DEPTH}")
    match template:
        case str() if template.startswith("$") and not template.startswith("$$"):
            if _referred(template, schemas) is None:
                raise BadPanelKind(path, f"{template} refers to nothing; there are {_roots(schemas)}")
        case float():
            raise BadPanelKind(path, "numbers in a state are integers")
        case int() if abs(template) > MAX_INTEGER:
            raise BadPanelKind(path, "beyond the integers that every browser counts exactly")
        case list():
            for index, item in enumerate(template):
                _check_template(item, schemas, f"{path}/{index}", depth=depth + 1)
        case dict():
            _check_operator(template, path)
            for key, member in template.items():
                _check_template(member, schemas, f"{path}/{key}", depth=depth + 1)
        case _:
            pass


def _check_operator(template: dict[str, object], path: str) -> None:
    name = operator_of(template)
    if name is None:
        return
    operator, operands = OPERATORS.get(name), template[name]
    if operator is None:
        raise BadPanelKind(f"{path}/{name}", f"no such operator; there are {', '.join(OPERATORS)}")
    if len(template) > 1:
        raise BadPanelKind(path, f"{name} stands alone in its object")
    if not isinstance(operands, list) or not operator.takes(len(operands)):
        raise BadPanelKind(f"{path}/{name}", f"takes an array of {operator.count or 'one or more'}")


def _check_names(effect: dict[str, object], target: Schema, path: str) -> None:
    """Every member that the effect writes is one of the state schema; what it deletes may be absent."""
    for name, member in effect.items():
        schema = _member(target, name)
        if schema is None:
            raise BadPanelKind(f"{path}/{name}", "not a member of the state")
        if member is None and name in _required(target):
            raise BadPanelKind(f"{path}/{name}", "required in the state, and cannot be deleted")
        if isinstance(member, dict) and operator_of(member) is None:
            _check_names(member, schema, f"{path}/{name}")


def _check_fits(source: Schema, target: Schema, path: str) -> None:
    """A whole object as a patch: each member that its schema allows is one of the state."""
    if source.get("additionalProperties") is not False:
        raise BadPanelKind(path, "an object that becomes a patch must have additionalProperties false")
    for name in _properties(source):
        if _member(target, name) is None:
            raise BadPanelKind(path, f"{name} is not a member of the state")


def _check_tools(kind: PanelKind) -> None:
    generated = {f"{verb}_{kind.kind}" for verb in ("open", "control")}
    names = sorted(tool.name for tool in kind.tools)
    for name, following in pairwise(names):
        if name == following:
            raise BadPanelKind("/tools", f"two tools are called {name}")
    for index, tool in enumerate(kind.tools):
        path = f"/tools/{index}"
        if tool.name in generated or tool.name == CLOSE_TOOL or tool.name.startswith(HANDOFF_PREFIX):
            raise BadPanelKind(f"{path}/name", f"{tool.name} is taken")
        if (tool.command is None) == (tool.read is None):
            raise BadPanelKind(path, "has either command or read")
        if tool.command is not None and tool.name == f"read_{kind.kind}":
            raise BadPanelKind(f"{path}/name", f"{tool.name} reads, and may not give a command")
        if tool.command is not None and tool.command not in kind.commands:
            raise BadPanelKind(f"{path}/command", f"no command is called {tool.command}")
        for name in tool.read or ():
            if name not in _properties(kind.state_schema):
                raise BadPanelKind(f"{path}/read", f"{name} is not a member of the state")


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
