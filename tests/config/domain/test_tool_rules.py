"""What a custom tool must be: each mistake is one clear error with a pointer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.guarded_addresses import loopback_only
from config.domain.schema_rules import argument_errors, schema_advice, schema_errors
from config.domain.tool_rules import name_errors, tool_errors
from contracts.custom_tool import CustomTool

pytestmark = pytest.mark.unit

GOOD: dict[str, Any] = {
    "type": "object",
    "properties": {"order": {"$ref": "#/$defs/number"}, "tags": {"type": "array", "items": {"enum": ["a", "b"]}}},
    "required": ["order"],
    "additionalProperties": False,
    "$defs": {"number": {"type": "string", "maxLength": 20}},
}


def a_tool(**changes: Any) -> CustomTool:
    fields = {"description": "Looks up.", "parameters": GOOD, "url": "https://tools.example.com/x", **changes}
    return CustomTool(**fields)


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def test_a_good_tool_has_no_mistake_and_no_advice() -> None:
    assert list(tool_errors(a_tool(), allow=None)) == []
    assert list(schema_advice(GOOD)) == []


@pytest.mark.parametrize("name", ["", "Look", "1x", "a-b", "a b", "a" * 65, "end_session", "transfer_to_x", "a\n"])
def test_a_name_that_is_none_or_taken_is_refused(name: str) -> None:
    (error,) = name_errors(name)
    assert error.pointer == "/name"


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"description": " "}, "/description", "length"),
        ({"description": "x" * 1001}, "/description", "length"),
        ({"timeout_s": 0}, "/timeout_s", "out_of_range"),
        ({"timeout_s": 21}, "/timeout_s", "out_of_range"),
        ({"url": "http://tools.example.com/"}, "/url", "url_refused"),
        ({"url": "https://127.0.0.1/"}, "/url", "url_refused"),
        ({"url": "https://2130706433/"}, "/url", "url_refused"),
        ({"url": "https://user:word@tools.example.com/"}, "/url", "url_refused"),
        ({"url": "https://tools.example.com:8443/"}, "/url", "url_refused"),
    ],
)
def test_a_wrong_field_is_one_error(changes: dict[str, Any], pointer: str, code: str) -> None:
    assert [(error.pointer, error.code) for error in tool_errors(a_tool(**changes), allow=None)] == [(pointer, code)]


def test_development_may_have_tools_on_its_own_machine() -> None:
    assert list(tool_errors(a_tool(url="http://127.0.0.1:9000/x"), allow=loopback_only)) == []
    assert list(tool_errors(a_tool(url="http://10.0.0.1:9000/x"), allow=loopback_only))


@pytest.mark.parametrize(
    ("schema", "pointer", "code"),
    [
        ({"type": "string"}, "/parameters/type", "not_an_object"),
        ({}, "/parameters/type", "not_an_object"),
        ({"type": "object", "properties": {"a": {"type": "word"}}}, "/parameters/properties/a/type", "not_a_schema"),
        ({"type": "object", "required": "a"}, "/parameters/required", "not_a_schema"),
        (
            {"type": "object", "properties": {"a": {"pattern": "(a+)+$"}}},
            "/parameters/properties/a/pattern",
            "not_offered",
        ),
        ({"type": "object", "patternProperties": {"(a+)+$": {}}}, "/parameters/patternProperties", "not_offered"),
        ({"type": "object", "$id": "https://x.example/"}, "/parameters/$id", "not_offered"),
        ({"type": "object", "$ref": "https://x.example/s.json"}, "/parameters/$ref", "remote_reference"),
        ({"type": "object", "$ref": "#"}, "/parameters/$ref", "remote_reference"),
        ({"type": "object", "allOf": [{"$ref": "file:///etc/passwd"}]}, "/parameters/allOf/0/$ref", "remote_reference"),
        ({"type": "object", "$ref": "#/$defs/a"}, "/parameters/$defs", "unknown_reference"),
        ({"type": "object", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "/parameters/$defs/a", "circular_reference"),
        ({"type": "object", "description": "x" * 17_000}, "/parameters", "too_large"),
    ],
)
def test_a_schema_that_is_wrong_or_dangerous_is_one_error(schema: dict[str, Any], pointer: str, code: str) -> None:
    assert [(error.pointer, error.code) for error in schema_errors(schema)] == [(pointer, code)]


def test_a_schema_that_is_nested_too_deep_is_refused() -> None:
    assert [error.code for error in schema_errors(deep(40))] == ["too_deep"] * 2
    assert [error.code for error in schema_errors(deep(400))] == ["too_deep"]


def test_references_that_go_round_by_way_of_others_are_found() -> None:
    schema = {"type": "object", "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}}}
    assert {error.pointer for error in schema_errors(schema)} == {"/parameters/$defs/a", "/parameters/$defs/b"}


def test_a_property_or_value_may_be_named_like_a_keyword() -> None:
    schema = {
        "type": "object",
        "properties": {"pattern": {"type": "string"}, "$ref": {"const": {"$ref": "https://x.example/"}}},
    }
    assert list(schema_errors(schema)) == []


def test_what_could_be_better_is_advised() -> None:
    loose = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    assert [error.pointer for error in schema_advice(loose)] == [
        "/parameters/additionalProperties",
        "/parameters/properties/a/maxLength",
    ]


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "$ref", "$defs", "properties", "items", "a", "enum"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(schema=st.dictionaries(st.sampled_from(["type", "$ref", "$defs", "properties", "allOf"]), json), value=json)
def test_any_schema_is_refused_or_can_be_used(schema: dict[str, Any], value: Any) -> None:
    if not list(schema_errors(schema)):
        list(argument_errors(schema, value))
        list(schema_advice(schema))


def test_broken_arguments_are_named_by_place_and_rule_and_never_by_value() -> None:
    errors = list(argument_errors(GOOD, {"order": "secret-word" * 9, "extra": "secret-word"}))
    assert {error.pointer for error in errors} == {"/arguments", "/arguments/order"}
    assert not any("secret-word" in error.detail for error in errors)
