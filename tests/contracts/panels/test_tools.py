"""The tools that models get for panels, and the way back from a call to a command."""

import re
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from contracts.panels.interpreter import initial_state
from contracts.panels.kind import PanelKind
from contracts.panels.refusals import BadPanelKind, UnknownAction
from contracts.panels.registry import builtin, decode_kind
from contracts.panels.tools import PanelAction, PanelTool, command_of, panel_tools, reading, tools_of

pytestmark = pytest.mark.unit


def a_kind(**changes: object) -> PanelKind:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    file: dict[str, object] = {
        "kind": "lamp",
        "version": 1,
        "title": "Lamp",
        "description": "A lamp.",
        "open": {"schema": schema, "initial": {"on": False}},
        "commands": {},
        "events": {},
        "state_schema": {**schema, "properties": {"on": {"type": "boolean"}, "hue": {"type": "integer"}}},
    }
    return decode_kind(msgspec.json.encode(file | changes))


def a_command(**properties: object) -> dict[str, object]:
    schema = {"type": "object", "properties": properties, "required": [*properties][:1], "additionalProperties": False}
    return {"description": "Does it.", "schema": schema, "effect": {}}


def tool(kind: PanelKind, name: str) -> PanelTool:
    return next(tool for tool in panel_tools(kind) if tool.name == name)


def test_the_builtin_kinds_give_the_tools_of_the_founding_document() -> None:
    named = ["advance_slide", "read_code", "highlight_code_lines", "read_notepad", "read_whiteboard"]
    assert {tool.name for tool in tools_of(builtin().values())} == {
        *(f"open_{kind}" for kind in builtin()),
        *(f"control_{kind}" for kind in builtin()),
        *(f"read_{kind}" for kind in builtin() if kind != "coding_ide"),
        *named,
        "close_panel",
    }


def test_every_tool_is_one_that_model_providers_accept() -> None:
    for each in tools_of(builtin().values()):
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each.name)
        assert 0 < len(each.description) <= 1024
        assert each.parameters["type"] == "object"
        Draft202012Validator.check_schema(each.parameters)


def test_a_kind_without_commands_or_names_gets_open_and_read_of_everything() -> None:
    assert [(tool.name, tool.action, tool.read) for tool in panel_tools(a_kind())] == [
        ("open_lamp", PanelAction.OPEN, ()),
        ("read_lamp", PanelAction.READ, ("on", "hue")),
    ]


def test_no_kinds_give_no_tools() -> None:
    assert tools_of([]) == []


def test_close_panel_takes_the_kinds_that_the_agent_may_use() -> None:
    validator = Draft202012Validator(tools_of(builtin().values())[-1].parameters)
    assert validator.is_valid({"panel": "notepad"})
    assert not validator.is_valid({"panel": "poll"})
    assert not validator.is_valid({})


def test_a_call_of_a_named_tool_is_its_command_with_its_arguments() -> None:
    ide = builtin()["coding_ide"]
    assert command_of(ide, tool(ide, "highlight_code_lines"), {"lines": [7]}) == ("highlight_lines", {"lines": [7]})


def test_a_call_of_control_names_its_command_in_action() -> None:
    ide = builtin()["coding_ide"]
    control = tool(ide, "control_coding_ide")
    call: dict[str, object] = {"action": "set_code", "code": "x"}
    Draft202012Validator(control.parameters).validate(call)
    assert command_of(ide, control, call) == ("set_code", {"code": "x"})


@pytest.mark.parametrize("arguments", [{}, {"action": "burn"}, {"action": ["set_code"]}, {"lines": [1]}], ids=repr)
def test_control_without_a_command_of_the_kind_is_refused(arguments: dict[str, Any]) -> None:
    ide = builtin()["coding_ide"]
    with pytest.raises(UnknownAction, match="one of highlight_lines, set_code, clear_highlights"):
        command_of(ide, tool(ide, "control_coding_ide"), arguments)


def test_an_argument_that_two_commands_define_differently_may_be_either() -> None:
    kind = a_kind(
        commands={
            "turn": a_command(to={"type": "boolean"}),
            "tint": a_command(to={"type": "integer"}, slowly={"type": "boolean"}),
            "flip": a_command(to={"type": "boolean"}),
        }
    )
    control = tool(kind, "control_lamp")
    validator = Draft202012Validator(control.parameters)
    assert validator.is_valid({"action": "turn", "to": True})
    assert validator.is_valid({"action": "tint", "to": 3, "slowly": True})
    assert not validator.is_valid({"action": "tint", "to": "red"})
    assert "tint(to, slowly?)" in control.description


def test_reading_returns_the_members_that_the_tool_names() -> None:
    ide = builtin()["coding_ide"]
    state = initial_state(ide, {"language": "python", "initial_code": "pass", "instructions": "Nothing."})
    assert reading(tool(ide, "read_code"), state) == {"code": "pass", "language": "python"}
    assert reading(tool(a_kind(), "read_lamp"), {"on": True}) == {"on": True}


def test_two_kinds_that_claim_one_tool_name_are_refused() -> None:
    taken = {"name": "read_code", "description": "Mine.", "read": ["on"]}
    with pytest.raises(BadPanelKind, match="read_code is a tool of both coding_ide and lamp"):
        tools_of([*builtin().values(), a_kind(tools=[taken])])
