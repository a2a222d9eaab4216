"""A customer's MCP server; its id is its name. `secret` names its credentials in config's vault, never here."""

from typing import Literal

from contracts.mcp_server import McpServer
from contracts.registry import EventData, event

WhyDisabled = Literal["changed", "removed"]


@event("mcp_server.created")
class McpServerCreated(EventData, frozen=True, kw_only=True):
    """The first definition; `headers` are the names of those that carry credentials. No tool is approved yet."""

    definition: McpServer
    secret: str = ""
    headers: list[str] = []


@event("mcp_server.revised")
class McpServerRevised(EventData, frozen=True, kw_only=True):
    """The whole definition as it now reads. With another URL, whatever was approved no longer is."""

    definition: McpServer


@event("mcp_server.secret_replaced")
class McpServerSecretReplaced(EventData, frozen=True, kw_only=True):
    """Sessions that start from now on present other credentials, or none where `secret` is empty."""

    secret: str = ""
    headers: list[str] = []


@event("mcp_server.approved")
class McpServerApproved(EventData, frozen=True, kw_only=True):
    """Agents may be given these tools, each as the SHA-256 over RFC 8785 of {name, description, inputSchema} names it.

    Calls of those in `idempotent` may be repeated: server and customer both say so.
    """

    tools: dict[str, str]
    idempotent: list[str] = []


@event("mcp_server.tool_disabled")
class McpServerToolDisabled(EventData, frozen=True, kw_only=True):
    """The server no longer offers the tool as it was approved; `seen` is the hash of what it offers, or empty.

    No session calls it until it is approved again.
    """

    tool: str
    why: WhyDisabled
    seen: str = ""


@event("mcp_server.archived")
class McpServerArchived(EventData, frozen=True, kw_only=True):
    """No template is published with it, and no session that starts from now on calls it."""


McpServerEvent = (
    McpServerCreated
    | McpServerRevised
    | McpServerSecretReplaced
    | McpServerApproved
    | McpServerToolDisabled
    | McpServerArchived
)
