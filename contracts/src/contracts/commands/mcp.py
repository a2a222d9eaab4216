"""Telling config that an MCP server no longer offers a tool as it was approved. Telling it twice is safe."""

import msgspec

from contracts.events.mcp_server import WhyDisabled
from contracts.ids import CustomerId, SessionId, VersionHash


class SeenChange(msgspec.Struct, frozen=True, kw_only=True):
    """One tool: `seen` is the hash of what the server offers now, empty where it offers it no longer."""

    tool: str
    why: WhyDisabled
    seen: str = ""


class ReportMcpTools(msgspec.Struct, frozen=True, kw_only=True):
    """What a session of this customer and version saw of a server's tools."""

    customer: CustomerId
    session: SessionId
    version: VersionHash
    livemode: bool
    server: str
    changes: list[SeenChange]


class McpToolsTaken(msgspec.Struct, frozen=True, kw_only=True, tag="taken"):
    """It is in the log which of them are disabled; `disabled` names those that became so by this."""

    disabled: list[str]


class McpToolsRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """That customer never published that version, or not with that server."""

    why: str


McpToolsAnswer = McpToolsTaken | McpToolsRefused
