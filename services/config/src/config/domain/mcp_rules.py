"""What an MCP server, its credentials and its tools must be. Pointers go into what the customer wrote.

Tools are written by others. Their schemas are held to the rules of custom tools; what is only advice to a validator
(`$schema`, `$id`, and regular expressions, which would run here) is left out of what models are given.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from chassis.errors import FieldError
from chassis.guarded_addresses import Permission, UrlRefused, check_url
from config.domain.mcp_server import MAX_APPROVED, Written
from config.domain.pointers import outside, pointer, repeated, too_many
from config.domain.schema_rules import BY_NAME, VALUES_NOT_SCHEMAS, schema_errors
from contracts.mcp_server import (
    MAX_MODEL_NAME,
    MAX_TIMEOUT_S,
    McpServer,
    McpTool,
    VersionMcpTool,
    encode_tool,
    model_name,
)
from contracts.panels.checks import HANDOFF_PREFIX

MAX_DESCRIPTION = 4000
MAX_HEADERS = 10
MAX_HEADER = 2000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_TOOL = re.compile(r"[\x21-\x7e]{1,128}\Z")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_VALUE = re.compile(r"[\x20-\x7e]+\Z")
_NOT_YOURS = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "host", "last-event-id"),
        *("mcp-protocol-version", "mcp-session-id", "te", "transfer-encoding", "upgrade", "user-agent"),
    }
)
_ADVICE_AT_THE_ROOT = ("$schema", "$id")

Standing = Literal["approved", "new", "changed", "disabled"]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as its server offers it now: its hash (empty where it can have none), how it stands, what is wrong."""

    tool: McpTool
    hash: str
    standing: Standing
    allowed: bool
    says_idempotent: bool
    mistakes: list[FieldError]


def name_errors(name: str) -> Iterator[FieldError]:
    """What is wrong with a server's name, by which agents name its tools."""
    if not _NAME.match(name):
        yield FieldError("/name", "not_a_name", "a name is a-z, 0-9 and _, begins with a letter, and has at most 32")
    elif name.startswith(HANDOFF_PREFIX):
        yield FieldError("/name", "taken", f"names that begin with {HANDOFF_PREFIX} are of tools of Baton's own")


def server_errors(server: McpServer, *, allow: Permission | None) -> Iterator[FieldError]:
    """Every mistake of a definition; `allow` is the permission of development, None in production."""
    yield from outside("/timeout_s", server.timeout_s, 1, MAX_TIMEOUT_S, unit=" s")
    try:
        check_url(server.url, allow=allow)
    except UrlRefused as refused:
        yield FieldError("/url", "url_refused", str(refused))
    listed = server.allowed_tools or []
    yield from too_many("/allowed_tools", len(listed), MAX_APPROVED)
    yield from repeated("/allowed_tools", listed)
    for place, name in enumerate(listed):
        if not _TOOL.match(name):
            yield FieldError(f"/allowed_tools/{place}", "not_a_name", "a tool's name has 1 to 128 visible characters")


def header_errors(headers: Mapping[str, str]) -> Iterator[FieldError]:
    """Every mistake of the headers that carry credentials; no value is quoted."""
    yield from too_many("/headers", len(headers), MAX_HEADERS)
    if len({name.lower() for name in headers}) < len(headers):
        yield FieldError("/headers", "repeated", "a header is named twice")
    for name, value in headers.items():
        where = pointer("headers", name)
        if not _HEADER.match(name) or name.lower() in _NOT_YOURS:
            yield FieldError(where, "not_offered", "this header is not yours to set")
        if not _VALUE.match(value) or len(value) > MAX_HEADER or value != value.strip():
            yield FieldError(where, "not_a_value", f"a value has 1 to {MAX_HEADER} printable ASCII characters")


def origin(url: str) -> tuple[str, str, int | None]:
    """To whom credentials are shown: scheme, host, port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def seen(server: str, tool: McpTool, *, says_idempotent: bool, state: Written) -> Seen:
    """A tool that the server lists, beside what is approved."""
    try:
        hash, _ = encode_tool(tool)
        mistakes = list(tool_errors(server, tool))
    except (ValueError, RecursionError):
        hash, mistakes = "", [FieldError("/input_schema", "not_canonical", "the schema has no canonical form")]
    known = state.approved.get(tool.name)
    standing: Standing = "new"
    if tool.name in state.disabled:
        standing = "disabled"
    elif known is not None:
        standing = "approved" if known.hash == hash else "changed"
    allowed = state.allows(tool.name)
    return Seen(
        tool=tool, hash=hash, standing=standing, allowed=allowed, says_idempotent=says_idempotent, mistakes=mistakes
    )


def tool_errors(server: str, tool: McpTool) -> Iterator[FieldError]:
    """Why a tool cannot be approved, whoever wants it. Pointers go into the tool."""
    if not _TOOL.match(tool.name):
        yield FieldError("/name", "not_a_name", "a tool's name has 1 to 128 visible characters")
    elif len(model_name(server, tool.name)) > MAX_MODEL_NAME:
        yield FieldError("/name", "too_long", f"with its server's, the name has more than {MAX_MODEL_NAME} characters")
    if len(tool.description) > MAX_DESCRIPTION:
        yield FieldError("/description", "length", f"a description has at most {MAX_DESCRIPTION} characters")
    yield from schema_errors(offered(tool.input_schema), "/input_schema")


def published(tool: McpTool, *, hash: str, idempotent: bool) -> VersionMcpTool:
    """The tool as a template version holds it."""
    return VersionMcpTool(
        hash=hash, description=tool.description, parameters=offered(tool.input_schema), idempotent=idempotent
    )


def offered(schema: Mapping[str, object]) -> dict[str, object]:
    """The schema as models are given it and arguments are checked by it; the server still checks all of its own."""
    return _without_patterns({key: part for key, part in schema.items() if key not in _ADVICE_AT_THE_ROOT})


def _without_patterns(part: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for keyword, value in part.items():
        if keyword == "pattern" and isinstance(value, str):
            continue
        if keyword in BY_NAME and isinstance(value, dict):
            found[keyword] = {name: _cleaned(inner) for name, inner in value.items()}
        else:
            found[keyword] = value if keyword in VALUES_NOT_SCHEMAS else _cleaned(value)
    return found


def _cleaned(value: object) -> object:
    if isinstance(value, dict):
        return _without_patterns(value)
    return [_cleaned(one) for one in value] if isinstance(value, list) else value
