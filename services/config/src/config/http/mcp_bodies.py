"""What /api/mcp-servers takes and gives."""

from typing import Annotated

import msgspec

from chassis.errors import FieldError
from config.domain.mcp_rules import Standing
from config.domain.mcp_server import MAX_APPROVED, Disabled
from contracts.mcp_server import McpServer
from contracts.panels.kind import Schema

Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class McpServerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`headers` carry your credentials, such as `Authorization`, and are never given back: null keeps those in force.

    `url` is the server's endpoint for streamable HTTP. `allowed_tools` are the only ones that may be approved; null
    allows all. With another `url` every tool has to be approved again.
    """

    url: str
    timeout_s: int = 10
    allowed_tools: list[str] | None = None
    headers: dict[str, str] | None = None

    def server(self) -> McpServer:
        """The definition, without name and credentials."""
        return McpServer(url=self.url, timeout_s=self.timeout_s, allowed_tools=self.allowed_tools)


class ApprovedTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as it was approved; `disabled` says why no session calls it now, null where they do."""

    hash: str
    idempotent: bool
    disabled: Disabled | None = None


class McpServerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An MCP server as it now reads; of its credentials the names of their `headers`."""

    name: str
    definition: McpServer
    headers: list[str]
    tools: dict[str, ApprovedTool]
    archived: bool = False
    position: str = ""


class DiscoveredTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as its server offers it now. Approving it takes its `hash`; with `mistakes` it cannot be approved.

    `standing` is `changed` where it was approved and now reads otherwise, `disabled` where a session found it so.
    """

    name: str
    description: str
    input_schema: Schema
    hash: str
    standing: Standing
    allowed: bool
    says_idempotent: bool
    mistakes: list[FieldError]


class DiscoverAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the server offers; or in `failure` why it gave no answer.

    `removed` were approved, and are offered no more.
    """

    server_name: str = ""
    server_version: str = ""
    protocol_version: str = ""
    tools: list[DiscoveredTool] = []
    removed: list[str] = []
    failure: str = ""
    detail: str = ""


class ApproveRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each tool with the hash that you saw. Calls of those in `idempotent` may be repeated after a failure."""

    tools: Annotated[dict[str, Hash], msgspec.Meta(min_length=1, max_length=MAX_APPROVED)]
    idempotent: Annotated[list[str], msgspec.Meta(max_length=MAX_APPROVED)] = []


class TryToolRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call: the tool by the server's own name for it."""

    tool: Annotated[str, msgspec.Meta(max_length=128)]
    arguments: dict[str, object] = {}


class TryToolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the tool answered, its text cut at 16 000 characters; or in `failure` why it gave no answer."""

    is_error: bool = False
    text: str = ""
    truncated: bool = False
    failure: str = ""
    detail: str = ""
