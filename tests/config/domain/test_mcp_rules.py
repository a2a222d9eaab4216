"""What is approved of an MCP server's tools, what of them a model is given, and by what name."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.domain.mcp_rules import offered, origin, seen, tool_errors
from config.domain.mcp_server import Approval, Disabled, Written
from config.domain.named_tools import named_tool_errors, servers_named
from config.domain.schema_rules import argument_errors
from contracts.ids import AgentId
from contracts.mcp_server import (
    McpServer,
    McpTool,
    VersionMcpServer,
    VersionMcpTool,
    decode_tool,
    encode_tool,
    model_name,
    parse_reference,
)
from contracts.template_version import AgentDefinition, TemplateDraft

pytestmark = pytest.mark.unit

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)
SCHEMAS = st.dictionaries(st.text(max_size=8), JSON, max_size=4)
SERVER = Written(McpServer(url="https://mcp.example.com/"))


def a_tool(**changes: Any) -> McpTool:
    fields: dict[str, Any] = {"name": "search", "description": "Finds.", "input_schema": {"type": "object"}, **changes}
    return McpTool(**fields)


def standing(tool: McpTool, state: Written) -> str:
    return seen("docs", tool, says_idempotent=False, state=state).standing


@settings(max_examples=40, deadline=None)
@given(tool=st.builds(McpTool, name=st.text(max_size=8), description=st.text(max_size=20), input_schema=SCHEMAS))
def test_a_tool_is_stored_whole_and_its_hash_knows_every_change(tool: McpTool) -> None:
    hash, content = encode_tool(tool)
    assert decode_tool(content) == tool
    for name, value in (
        ("name", tool.name + "x"),
        ("description", tool.description + "x"),
        ("input_schema", {"": [1]}),
    ):
        other = msgspec.structs.replace(tool, **{name: value})
        assert (encode_tool(other)[0] == hash) is (other == tool)


def test_the_order_in_which_a_server_writes_its_schema_changes_nothing() -> None:
    one = a_tool(input_schema={"type": "object", "properties": {"a": {}, "b": {}}})
    other = a_tool(input_schema={"properties": {"b": {}, "a": {}}, "type": "object"})
    assert encode_tool(one) == encode_tool(other)


def test_a_tool_stands_as_it_was_approved_changed_or_disabled() -> None:
    hash, _ = encode_tool(a_tool())
    approved = msgspec.structs.replace(SERVER, approved={"search": Approval(hash)})
    assert standing(a_tool(), SERVER) == "new"
    assert standing(a_tool(), approved) == "approved"
    assert standing(a_tool(description="Finds, and sends."), approved) == "changed"
    disabled = msgspec.structs.replace(approved, disabled={"search": Disabled("changed", "ab")})
    assert standing(a_tool(), disabled) == "disabled", "also where it is again as it was"


def test_a_schema_without_canonical_form_is_a_mistake_and_no_fault() -> None:
    found = seen("docs", a_tool(input_schema={"type": "object", "maximum": 2**60}), says_idempotent=True, state=SERVER)
    assert (found.hash, [error.code for error in found.mistakes]) == ("", ["not_canonical"])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"name": "a b"}, "/name"),
        ({"name": "x" * 60}, "/name"),
        ({"description": "x" * 4001}, "/description"),
        ({"input_schema": {"type": "string"}}, "/input_schema/type"),
        ({"input_schema": {"type": "object", "$ref": "http://10.0.0.1/"}}, "/input_schema/$ref"),
        ({"input_schema": {"type": "object", "patternProperties": {}}}, "/input_schema/patternProperties"),
        (
            {"input_schema": {"type": "object", "properties": {"a": {"type": "nothing"}}}},
            "/input_schema/properties/a/type",
        ),
    ],
)
def test_a_tool_that_a_model_cannot_be_given_safely_is_named_with_its_mistake(
    changes: dict[str, Any], pointer: str
) -> None:
    assert [error.pointer for error in tool_errors("docs", a_tool(**changes))] == [pointer]


def test_a_schema_as_common_servers_write_it_is_offered_without_what_would_run_here() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": "(a+)+$", "const": {"pattern": "kept"}},
            "kind": {"anyOf": [{"type": "string", "pattern": "^x"}, {"type": "null"}]},
        },
        "required": ["pattern"],
    }
    told = offered(schema)
    assert told == {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "const": {"pattern": "kept"}},
            "kind": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["pattern"],
    }
    assert list(tool_errors("docs", a_tool(input_schema=schema))) == []
    assert [error.code for error in argument_errors(told, {})] == ["breaks_schema"]


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin("https://a.example/x?y") == origin("https://A.example/z")
    assert len({origin(f"{scheme}://a.example{rest}") for scheme in ("http", "https") for rest in ("", ":8443")}) == 4


def test_agents_name_tools_by_their_server_and_models_by_letters_alone() -> None:
    assert parse_reference("docs.admin.search") == ("docs", "admin.search")
    assert [parse_reference(text) for text in ("search", ".search", "docs.", "Docs.search", "docs.a b")] == [None] * 5
    assert model_name("docs", "admin.search/v2") == "docs__admin_search_v2"


def of_docs(*tools: str) -> dict[str, VersionMcpServer]:
    published = {name: VersionMcpTool(hash="ab" * 32, description="", parameters={"type": "object"}) for name in tools}
    return {"docs": VersionMcpServer(url="https://mcp.example.com/", timeout_s=5, tools=published)}


def naming(*tools: str) -> tuple[TemplateDraft, dict[AgentId, AgentDefinition]]:
    a = AgentId("a")
    draft = TemplateDraft(name="T", agents=[a], initial_agent=a)
    return draft, {a: AgentDefinition(name="A", instructions="Help.", tools=list(tools))}


def test_a_version_holds_of_a_server_what_agents_name_and_no_more() -> None:
    named = servers_named(*naming("docs.search", "end_session"), of_docs("search", "delete_all"))
    assert list(named["docs"].tools) == ["search"]


@pytest.mark.parametrize(
    ("tools", "codes"),
    [
        (["docs.search"], []),
        (["docs.delete_all"], ["tool_not_approved"]),
        (["other.search"], ["unknown_mcp_server"]),
        (["nothing"], ["unknown_tool"]),
        (["docs.a.b", "docs.a_b"], ["tool_name_taken"]),
    ],
)
def test_a_template_is_published_with_approved_tools_only_and_one_name_for_each(
    tools: list[str], codes: list[str]
) -> None:
    draft, definitions = naming(*tools)
    errors = list(named_tool_errors(draft, definitions, {}, {}, of_docs("search", "a.b", "a_b")))
    assert [error.code for error in errors] == codes
    assert all(error.pointer == f"/agents/a/tools/{len(tools) - 1}" for error in errors)
