"""Which commands may be sent to a panel at all, judged before a live job is asked. Pure.

Kinds that are not built in are judged by the job alone, which has their files from the session's template version.
"""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from chassis.errors import FieldError, InvalidInput
from contracts.panels.kind import PanelKind, Schema

MAX_MISTAKES = 20
_NOTHING: Schema = {"type": "object", "additionalProperties": False}


class BadAction(InvalidInput):
    """The kind has no such command."""

    code, title = "unknown_action", "The panel has no such command"


class BadArguments(InvalidInput):
    """The arguments are not what the command's schema allows."""

    code, title = "invalid_arguments", "The arguments do not fit the command"


def check_command(kind: PanelKind | None, action: str, args: Mapping[str, Any]) -> None:
    """Raises BadAction, or BadArguments with a JSON pointer into the request for each mistake."""
    if kind is None:
        return
    schema = _schema(kind, action)
    found = sorted(Draft202012Validator(schema).iter_errors(dict(args)), key=lambda error: list(map(str, error.path)))
    if found:
        raise BadArguments(f"{kind.kind} {action}", errors=[_mistake(error) for error in found[:MAX_MISTAKES]])


def _schema(kind: PanelKind, action: str) -> Schema:
    if action == "open":
        return kind.open.schema
    if action == "close":
        return _NOTHING
    if action not in kind.commands:
        where = FieldError("/action", "unknown_action", f"one of open, close, {', '.join(kind.commands)}")
        raise BadAction(errors=[where])
    return kind.commands[action].schema


def _mistake(error: Any) -> FieldError:
    # The rule that was broken, never the value: arguments are what somebody wrote.
    path = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in error.absolute_path)
    rule = error.validator_value if isinstance(error.validator_value, str | int | list) else ""
    return FieldError(f"/args{path}", f"schema_{error.validator}", f"{error.validator} {rule}".strip()[:200])
