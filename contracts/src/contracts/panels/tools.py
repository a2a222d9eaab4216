"""The tools that a model gets for panels, generated from the kinds; and the way back from a tool call to a command.

Arguments are validated by the caller: a command's against the command's schema, once `command_of` has found it.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from .checks import ACTION_ARGUMENT, CLOSE_TOOL
from .kind import CommandSpec, PanelKind, Schema, ToolSpec
from .refusals import BadPanelKind, UnknownAction

PANEL_ARGUMENT = "panel"


class PanelAction(StrEnum):
    """What a tool does to a panel; each has its RPC method."""

    OPEN = "open"
    CONTROL = "control"
    READ = "read"
    CLOSE = "close"


class PanelTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as a model sees it (name, description, parameters: JSON Schema) and what calling it does.

    `kind`: the panel kind's id, None for `close_panel`, whose argument names it. `command`: the one command that the
    tool gives, None where the argument `action` names it. `read`: the members of the state that a read returns.
    """

    name: str
    description: str
    parameters: Schema
    action: PanelAction
    kind: str | None = None
    command: str | None = None
    read: tuple[str, ...] = ()


def panel_tools(kind: PanelKind) -> list[PanelTool]:
    """The tools of one kind: open, read, its named commands, and control where it has commands."""
    tools = [_open_tool(kind)]
    tools += [_named_tool(kind, spec) for spec in kind.tools]
    if all(tool.action is not PanelAction.READ for tool in tools):
        tools.append(_read_tool(kind))
    if kind.commands:
        tools.append(_control_tool(kind))
    return tools


def tools_of(kinds: Iterable[PanelKind]) -> list[PanelTool]:
    """The tools of an agent that may use `kinds`, with one `close_panel`; none for no kinds.

    Raises BadPanelKind where two kinds claim one tool name.
    """
    kinds = list(kinds)
    tools = [tool for kind in kinds for tool in panel_tools(kind)]
    owners: dict[str, str | None] = {}
    for tool in tools:
        if tool.name in owners:
            raise BadPanelKind("/tools", f"{tool.name} is a tool of both {owners[tool.name]} and {tool.kind}")
        owners[tool.name] = tool.kind
    return [*tools, close_tool(kinds)] if kinds else []


def close_tool(kinds: Iterable[PanelKind]) -> PanelTool:
    """`close_panel {panel}`, for any of `kinds`."""
    names = sorted(kind.kind for kind in kinds)
    panel: Schema = {"type": "string", "enum": names, "description": "The panel to close."}
    return PanelTool(
        name=CLOSE_TOOL,
        description="Closes an open panel in the user's page. What it holds stays in the session's history.",
        parameters=_object({PANEL_ARGUMENT: panel}, [PANEL_ARGUMENT]),
        action=PanelAction.CLOSE,
    )


def command_of(kind: PanelKind, tool: PanelTool, arguments: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """The command of `kind` and its arguments, from a call of a tool that controls. Raises UnknownAction."""
    if tool.command is not None:
        return tool.command, dict(arguments)
    action = arguments.get(ACTION_ARGUMENT)
    if not isinstance(action, str) or action not in kind.commands:
        raise UnknownAction(f"{ACTION_ARGUMENT} must be one of {', '.join(kind.commands)}")
    return action, {name: value for name, value in arguments.items() if name != ACTION_ARGUMENT}


def reading(tool: PanelTool, state: Mapping[str, object]) -> dict[str, object]:
    """What a tool that reads returns of a panel's state."""
    return {name: state[name] for name in tool.read if name in state}


def _open_tool(kind: PanelKind) -> PanelTool:
    return PanelTool(
        name=f"open_{kind.kind}",
        description=kind.open.description or f"Opens this panel in the user's page: {kind.description}",
        parameters=kind.open.schema,
        action=PanelAction.OPEN,
        kind=kind.kind,
    )


def _named_tool(kind: PanelKind, spec: ToolSpec) -> PanelTool:
    if spec.command is None:
        return _read_tool(kind, spec)
    return PanelTool(
        name=spec.name,
        description=spec.description,
        parameters=kind.commands[spec.command].schema,
        action=PanelAction.CONTROL,
        kind=kind.kind,
        command=spec.command,
    )


def _read_tool(kind: PanelKind, spec: ToolSpec | None = None) -> PanelTool:
    members = kind.state_schema.get("properties")
    everything = tuple(members) if isinstance(members, dict) else ()
    return PanelTool(
        name=spec.name if spec else f"read_{kind.kind}",
        description=spec.description if spec else f"Returns what this panel holds now: {kind.description}",
        parameters=_object({}, []),
        action=PanelAction.READ,
        kind=kind.kind,
        read=spec.read if spec and spec.read else everything,
    )


def _control_tool(kind: PanelKind) -> PanelTool:
    lines = [f"- {_signature(name, command)}: {command.description}" for name, command in kind.commands.items()]
    action: Schema = {"type": "string", "enum": list(kind.commands), "description": "The command to give."}
    return PanelTool(
        name=f"control_{kind.kind}",
        description="\n".join([f"Gives one command to the open panel {kind.title}. Commands:", *lines]),
        parameters=_object({ACTION_ARGUMENT: action, **_all_arguments(kind)}, [ACTION_ARGUMENT]),
        action=PanelAction.CONTROL,
        kind=kind.kind,
    )


def _all_arguments(kind: PanelKind) -> dict[str, object]:
    """Each argument of any command; one that two commands define differently may be either."""
    variants: dict[str, list[object]] = {}
    for command in kind.commands.values():
        for name, schema in _properties(command).items():
            known = variants.setdefault(name, [])
            if schema not in known:
                known.append(schema)
    return {name: known[0] if len(known) == 1 else {"anyOf": known} for name, known in variants.items()}


def _signature(name: str, command: CommandSpec) -> str:
    required = command.schema.get("required")
    needed = required if isinstance(required, list) else []
    return f"{name}({', '.join(arg if arg in needed else f'{arg}?' for arg in _properties(command))})"


def _properties(command: CommandSpec) -> dict[str, object]:
    properties = command.schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _object(properties: dict[str, object], required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema
