"""`set_flag`: what a template declares as a flag is set on the way, by agents, and known to all of them."""

import msgspec

from contracts.builtin_tools import BUILTIN_DESCRIPTIONS, SET_FLAG
from contracts.events.context import ContextChanged, ContextPersonal
from contracts.panels.kind import Schema
from contracts.variables import Declarations, VariableType, fits
from runtime.adapters.recorder import SessionRecorder
from runtime.domain.context import SessionContext
from runtime.tools.execution import Call, Outcome, Tool, ToolRefused

MAX_TEXT = 2000
_TYPES: dict[VariableType, Schema] = {
    "string": {"type": "string", "maxLength": MAX_TEXT},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
}


def flag_tools(declared: Declarations, *, recorder: SessionRecorder, context: SessionContext) -> dict[str, Tool]:
    """By name; none for a template without flags. A flag of another type than its declaration's is refused."""
    if not declared:
        return {}

    async def run(call: Call) -> Outcome:
        name, value = str(call.arguments["flag"]), call.arguments["value"]
        if not fits(value, declared[name].type):
            raise ToolRefused("invalid_arguments", f"{name} is a {declared[name].type}")
        before = context.flags.get(name, declared[name].initial)
        if isinstance(value, bool) != isinstance(before, bool) or value != before:
            _record(recorder, call, name, before, value)
            context.flags[name] = value
        return Outcome(result={"flag": name, "value": value})

    return {
        SET_FLAG: Tool(
            name=SET_FLAG, description=BUILTIN_DESCRIPTIONS[SET_FLAG], parameters=_parameters(declared), run=run
        )
    }


def _record(recorder: SessionRecorder, call: Call, name: str, before: object, after: object) -> None:
    values = ContextPersonal(before=_raw(before), after=_raw(after))
    recorder.record(ContextChanged(area="flags", key=name, by=call.agent), values, actor=call.agent)


def _parameters(declared: Declarations) -> Schema:
    lines = [
        f"{name} ({one.type}){f': {one.description}' if one.description else ''}" for name, one in declared.items()
    ]
    types = list(dict.fromkeys(one.type for one in declared.values()))
    value = _TYPES[types[0]] if len(types) == 1 else {"anyOf": [_TYPES[type] for type in types]}
    return {
        "type": "object",
        "properties": {
            "flag": {"type": "string", "enum": list(declared), "description": "; ".join(lines)},
            "value": {**value, "description": "Of the flag's own type."},
        },
        "required": ["flag", "value"],
        "additionalProperties": False,
    }


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
