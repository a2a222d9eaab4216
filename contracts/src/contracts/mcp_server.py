"""An MCP server of a customer's, and those of its tools that the customer approved.

What a tool is, is its name, description and input schema: their hash is what is approved, and what is compared with
whatever the server says later. An agent names a tool ``<server>.<tool>``; a model knows it by `model_name`.
"""

import hashlib
import re
from typing import Any

import msgspec
import rfc8785

from contracts.panels.kind import Schema

MAX_TIMEOUT_S = 20
"""The longest that a call may take: somebody is waiting for an answer."""

MAX_MODEL_NAME = 64
_REFERENCE = re.compile(r"([a-z][a-z0-9_]{0,31})\.(\S{1,128})\Z")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


class McpServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a customer wrote. `timeout_s` bounds a call with all its attempts.

    `allowed_tools` are the only ones that may be approved and used; null allows all that are approved.
    """

    url: str
    timeout_s: int = 10
    allowed_tools: list[str] | None = None


class McpTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as its server defines it."""

    name: str
    description: str
    input_schema: dict[str, Any]


class VersionMcpTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as published: `hash` is the one that was approved, `parameters` the schema as a model is given it.

    `idempotent`: a call that is made twice does no more than one, as server and customer both say.
    """

    hash: str
    description: str
    parameters: Schema
    idempotent: bool = False


class VersionMcpServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server as published, with the tools that the version's agents name. No credentials."""

    url: str
    timeout_s: int
    tools: dict[str, VersionMcpTool]


def encode_tool(tool: McpTool) -> tuple[str, bytes]:
    """RFC 8785 bytes of ``{name, description, inputSchema}`` and their SHA-256 in hex.

    Raises ValueError for a schema that has no canonical form (a number beyond 2^53, half a surrogate pair).
    """
    content = rfc8785.dumps({"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema})
    return hashlib.sha256(content).hexdigest(), content


def decode_tool(content: bytes) -> McpTool:
    """Inverse of `encode_tool`."""
    plain = msgspec.json.decode(content)
    return McpTool(name=plain["name"], description=plain["description"], input_schema=plain["inputSchema"])


def parse_reference(text: str) -> tuple[str, str] | None:
    """``<server>.<tool>`` as (server, tool); None for what does not look so."""
    found = _REFERENCE.match(text)
    return (found[1], found[2]) if found else None


def model_name(server: str, tool: str) -> str:
    """By what name a model calls it: letters, digits, _ and - are all that every model takes."""
    return _NOT_IN_NAMES.sub("_", f"{server}__{tool}")
