"""The built-in kinds, and which files are refused as kinds, and where."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from contracts.panels.checks import kind_mistakes, schema_parts, schemas_of
from contracts.panels.interpreter import command_patch, initial_state
from contracts.panels.kind import PanelKind, Schema
from contracts.panels.refusals import BadPanelKind
from contracts.panels.registry import MAX_KIND_BYTES, builtin, decode_kind

pytestmark = pytest.mark.unit

_OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": False}


def a_kind_file() -> dict[str, Any]:
    """A file with one of everything, to be spoilt by a test."""
    return {
        "kind": "poll",
        "version": 1,
        "title": "Poll",
        "description": "A question with choices.",
        "open": {
            "schema": {**_OBJECT, "properties": {"question": {"type": "string"}}, "required": ["question"]},
            "initial": {"question": "$args.question", "votes": {}, "view": {"big": False}},
        },
        "commands": {
            "enlarge": {
                "description": "Shows it big.",
                "schema": {**_OBJECT, "properties": {"big": {"type": "boolean"}}},
                "effect": {"view": {"big": "$args.big"}},
            }
        },
        "events": {
            "voted": {
                "schema": {**_OBJECT, "properties": {"votes": {"type": "object"}}},
                "effect": {"votes": "$args.votes"},
                "debounce_ms": 0,
            }
        },
        "state_schema": {
            **_OBJECT,
            "properties": {
                "question": {"type": "string"},
                "votes": {"type": "object"},
                "view": {**_OBJECT, "properties": {"big": {"type": "boolean"}}},
                "note": {"type": "string"},
            },
            "required": ["question", "votes"],
        },
        "tools": [{"name": "see_votes", "description": "Returns the votes.", "read": ["votes"]}],
    }


NAMES = {
    "slide_presenter": (
        ["slides", "slide"],
        ["advance", "goto", "next_slide", "previous_slide"],
        ["slide_changed", "slide_viewed", "slide_interaction"],
    ),
    "notepad": (["placeholder", "text"], ["set_content"], ["content_changed"]),
    "coding_ide": (
        ["language", "initial_code", "instructions"],
        ["highlight_lines", "set_code", "clear_highlights"],
        ["code_changed", "code_run_requested"],
    ),
    "whiteboard": (["title"], ["draw", "erase", "clear"], ["elements_drawn", "elements_erased", "canvas_snapshot"]),
    "document_viewer": (
        ["url", "title", "section", "highlight_sections"],
        ["goto_section", "highlight_sections", "annotate", "remove_annotations"],
        ["section_viewed", "user_annotation"],
    ),
    "browser_preview": (
        ["url", "html", "width", "height"],
        ["navigate", "show_html", "resize", "reload"],
        ["page_loaded", "console_logged"],
    ),
}


def test_the_builtin_kinds_have_the_names_of_the_founding_document() -> None:
    assert builtin().keys() == NAMES.keys()
    assert all(name == kind.kind for name, kind in builtin().items())
    named = {
        name: (list(_properties(kind.open.schema)), list(kind.commands), list(kind.events))
        for name, kind in builtin().items()
    }
    assert named == NAMES


@pytest.mark.parametrize("kind", builtin().values(), ids=lambda kind: kind.kind)
def test_every_schema_of_a_builtin_kind_is_a_json_schema_with_bounded_sizes(kind: PanelKind) -> None:
    bounds = {"string": "maxLength", "array": "maxItems", "integer": "maximum"}
    for path, schema in schemas_of(kind):
        Draft202012Validator.check_schema(schema)
        for where, part in schema_parts(schema, path):
            if part["type"] == "object":
                assert part["additionalProperties"] is False or "maxProperties" in part, where
            else:
                assert "enum" in part or bounds[str(part["type"])] in part, f"{where} has no bound"


def test_code_above_its_bound_is_not_valid_and_code_at_it_is() -> None:
    schema = Draft202012Validator(builtin()["coding_ide"].commands["set_code"].schema)
    assert schema.is_valid({"code": "x" * 200_000})
    assert not schema.is_valid({"code": "x" * 200_001})


def test_a_customers_kind_decodes_and_works_at_once() -> None:
    kind = decode_kind(json.dumps(a_kind_file()).encode())
    state = initial_state(kind, {"question": "Tea?"})
    assert state == {"question": "Tea?", "votes": {}, "view": {"big": False}}
    assert command_patch(kind, state, "enlarge", {"big": True}) == {"view": {"big": True}}
    assert decode_kind(msgspec.json.encode(kind)) == kind


SPOILT: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("no title", lambda k: k.pop("title"), "/"),
    ("unknown field", lambda k: k["open"].update(code="import os"), "/open"),
    ("kind name", lambda k: k.update(kind="Poll.1"), "/kind"),
    ("kind name with a newline", lambda k: k.update(kind="poll\n"), "/kind"),
    ("kind name too long for a tool", lambda k: k.update(kind="p" * 49), "/kind"),
    ("command name", lambda k: k["commands"].update({"Go!": k["commands"]["enlarge"]}), "/commands"),
    ("event name", lambda k: k["events"].update({"a.b": k["events"]["voted"]}), "/events"),
    ("no description", lambda k: k["commands"]["enlarge"].pop("description"), "/commands/*"),
    ("debounce", lambda k: k["events"]["voted"].update(debounce_ms=60_000), "/events/*/debounce_ms"),
    ("unknown argument", lambda k: _effect(k, {"note": "$args.nothing"}), "/commands/enlarge/effect/note"),
    ("unknown state", lambda k: _effect(k, {"note": "$state.nothing"}), "/commands/enlarge/effect/note"),
    ("unknown root", lambda k: _effect(k, {"note": "$env.HOME"}), "/commands/enlarge/effect/note"),
    ("malformed reference", lambda k: _effect(k, {"note": "$args.big\n"}), "/commands/enlarge/effect/note"),
    ("not in the state", lambda k: _effect(k, {"nope": 1}), "/commands/enlarge/effect/nope"),
    ("not in a member", lambda k: _effect(k, {"view": {"nope": 1}}), "/commands/enlarge/effect/view/nope"),
    ("deletes what is required", lambda k: _effect(k, {"votes": None}), "/commands/enlarge/effect/votes"),
    ("a float", lambda k: _effect(k, {"note": 1.5}), "/commands/enlarge/effect/note"),
    ("a large integer", lambda k: _effect(k, {"note": 2**53}), "/commands/enlarge/effect/note"),
    ("effect is a list", lambda k: _effect(k, []), "/commands/enlarge/effect"),
    ("effect is not an object", lambda k: _effect(k, "$args.big"), "/commands/enlarge/effect"),
    ("arguments that are no state", lambda k: _effect(k, "$args"), "/commands/enlarge/effect"),
    ("effect is an operator", lambda k: _effect(k, {"$unset": ["$state"]}), "/commands/enlarge/effect"),
    ("unknown operator", lambda k: _effect(k, {"note": {"$eval": ["1"]}}), "/commands/enlarge/effect/note/$eval"),
    ("operands", lambda k: _effect(k, {"note": {"$add": [1]}}), "/commands/enlarge/effect/note/$add"),
    ("operator in company", lambda k: _effect(k, {"note": {"$add": [1, 1], "x": 1}}), "/commands/enlarge/effect/note"),
    ("state while opening", lambda k: k["open"]["initial"].update(note="$state.note"), "/open/initial/note"),
    ("no first value", lambda k: k["open"]["initial"].pop("votes"), "/open/initial"),
    ("a number in the state", lambda k: _state(k, {"type": "number"}), "/state_schema/properties/note/type"),
    ("null in the state", lambda k: _state(k, {"type": ["string", "null"]}), "/state_schema/properties/note/type"),
    ("a reference", lambda k: _state(k, {"$ref": "http://intra.net"}), "/state_schema/properties/note/$ref"),
    ("open to anything", lambda k: k["state_schema"].pop("additionalProperties"), "/state_schema/additionalProperties"),
    ("no object", lambda k: k["open"]["schema"].update(type="string"), "/open/schema/type"),
    ("deep schema", lambda k: _state(k, _nested(100)), "/state_schema/properties/note" + "/not" * 39),
    ("action is taken", lambda k: _argument(k, "action"), "/commands/enlarge/schema/properties"),
    ("tool taken", lambda k: k["tools"][0].update(name="open_poll"), "/tools/0/name"),
    ("tool like a handoff", lambda k: k["tools"][0].update(name="transfer_to_me"), "/tools/0/name"),
    ("two tools", lambda k: k["tools"].append(k["tools"][0]), "/tools"),
    ("tool of nothing", lambda k: k["tools"][0].pop("read"), "/tools/0"),
    ("tool of both", lambda k: k["tools"][0].update(command="enlarge"), "/tools/0"),
    ("tool of no command", lambda k: k["tools"].append(_tool(command="no")), "/tools/1/command"),
    ("read_ that commands", lambda k: k["tools"].append(_tool("read_poll", command="enlarge")), "/tools/1/name"),
    ("reads no member", lambda k: k["tools"][0].update(read=["no"]), "/tools/0/read"),
    ("reads nothing", lambda k: k["tools"][0].update(read=[]), "/tools/0/read"),
]


@pytest.mark.parametrize(("spoil", "path"), [case[1:] for case in SPOILT], ids=[case[0] for case in SPOILT])
def test_a_bad_file_is_refused_with_the_path_of_its_fault(spoil: Callable[[dict[str, Any]], object], path: str) -> None:
    file = a_kind_file()
    spoil(file)
    with pytest.raises(BadPanelKind) as refused:
        decode_kind(json.dumps(file).encode())
    assert refused.value.path == path
    assert refused.value.problem


def test_all_mistakes_of_a_file_are_named_at_once() -> None:
    file = a_kind_file()
    _effect(file, {"note": "$args.nothing", "a/b": 1})
    _state(file, {"type": "number"})
    file["open"]["initial"].pop("votes")
    file["tools"].append(_tool(command="no"))
    assert [mistake.path for mistake in kind_mistakes(msgspec.convert(file, PanelKind))] == [
        "/state_schema/properties/note/type",
        "/open/initial",
        "/commands/enlarge/effect/note",
        "/tools/1/command",
    ]
    _effect(file, {"a/b~": 1})
    assert "/commands/enlarge/effect/a~1b~0" in [one.path for one in kind_mistakes(msgspec.convert(file, PanelKind))]


def test_what_an_author_wrote_of_a_kind_is_the_kind_without_name_and_version() -> None:
    file = a_kind_file() | {"url": "https://panels.example.com/poll"}
    kind = msgspec.convert(file, PanelKind)
    assert msgspec.to_builtins(kind.file) == {
        name: value for name, value in msgspec.to_builtins(kind).items() if name not in ("kind", "version")
    }
    assert "url" not in msgspec.to_builtins(builtin()["notepad"])


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"kind": "\xff"}',
        b"[" * 60_000,
        b'{"open":' * 8_000,
        b" " * (MAX_KIND_BYTES + 1),
    ],
    ids=lambda source: repr(source[:10]),
)
def test_what_is_no_json_of_a_kind_at_all_is_refused(source: bytes) -> None:
    with pytest.raises(BadPanelKind):
        decode_kind(source)


def _properties(schema: Schema) -> dict[str, Any]:
    properties = schema["properties"]
    assert isinstance(properties, dict)
    return properties


def _effect(kind: dict[str, Any], effect: object) -> None:
    kind["commands"]["enlarge"]["effect"] = effect


def _state(kind: dict[str, Any], schema: object) -> None:
    kind["state_schema"]["properties"]["note"] = schema


def _argument(kind: dict[str, Any], name: str) -> None:
    kind["commands"]["enlarge"]["schema"]["properties"][name] = {"type": "string"}


def _tool(name: str = "extra", **fields: object) -> dict[str, object]:
    return {"name": name, "description": "More.", **fields}


def _nested(levels: int) -> dict[str, object]:
    schema: dict[str, object] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema
