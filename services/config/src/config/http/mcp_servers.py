"""/api/mcp-servers: servers of the Model Context Protocol, and which of their tools agents may be given."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from chassis.errors import FieldError
from chassis.guarded_http import GuardedFault
from chassis.http.app import Caller, PathId
from chassis.http.conditions import BadTag, IfMatch, precondition
from config.domain.mcp_rules import Seen, Standing
from config.domain.mcp_server import MAX_APPROVED, Disabled, ServerArchived, Written
from config.http.answers import encoded, tagged
from config.mcp_servers import McpServers, TooManyServers
from config.mcp_tools import CredentialsLost, McpTools, NotAsked, ToolsChanged
from contracts.mcp_server import McpServer
from contracts.panels.kind import Schema
from contracts.positions import Position

KeepsServers = NamedDependency[McpServers]
AsksServers = NamedDependency[McpTools]
_SHOWN = 16_000

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


@put(
    "/api/mcp-servers/{server_name:str}",
    opt={
        "scope": "tools:write",
        "refuses": (ServerArchived, TooManyServers, BadTag),
        "conditional": True,
        "etag": True,
    },
)
async def write_mcp_server(
    server_name: PathId,
    data: JSONBody[McpServerRequest],
    principal: Caller,
    mcp_servers: KeepsServers,
    if_match: IfMatch = None,
) -> Response[McpServerAnswer]:
    """Write a server whole, under a name of your choice; the same content twice changes nothing.

    Agents name its tools `<server>.<tool>`, once they are approved. Revising one that exists needs If-Match.
    """
    handled = await mcp_servers.write(principal, server_name, data.server(), data.headers, check=precondition(if_match))
    return _answer(server_name, handled.state, handled.position)


@get("/api/mcp-servers/{server_name:str}", opt={"scope": "tools:read", "etag": True})
async def get_mcp_server(
    server_name: PathId, principal: Caller, mcp_servers: KeepsServers
) -> Response[McpServerAnswer]:
    """One MCP server."""
    stream = await mcp_servers.find(principal.customer, server_name)
    return _answer(server_name, stream.state, stream.position)


@post("/api/mcp-servers/{server_name:str}/archive", opt={"scope": "tools:write", "etag": True}, status_code=200)
async def archive_mcp_server(
    server_name: PathId, principal: Caller, mcp_servers: KeepsServers
) -> Response[McpServerAnswer]:
    """Take a server out of use: sessions that start from now on call none of its tools. Twice is safe."""
    handled = await mcp_servers.archive(principal, server_name)
    return _answer(server_name, handled.state, handled.position)


@post(
    "/api/mcp-servers/{server_name:str}/discover",
    opt={"scope": "tools:write", "refuses": (ServerArchived, CredentialsLost)},
    status_code=200,
)
async def discover_mcp_tools(server_name: PathId, principal: Caller, mcp_tools: AsksServers) -> DiscoverAnswer:
    """Connect to the server, and compare the tools that it offers with those that are approved."""
    try:
        found = await mcp_tools.discover(principal.customer, server_name)
    except GuardedFault as fault:
        return DiscoverAnswer(failure=fault.code, detail=str(fault))
    return DiscoverAnswer(
        server_name=found.server.name,
        server_version=found.server.version,
        protocol_version=found.protocol_version,
        tools=[_discovered(one) for one in found.tools],
        removed=found.removed,
    )


@post(
    "/api/mcp-servers/{server_name:str}/approve",
    opt={
        "scope": "tools:write",
        "refuses": (ServerArchived, ToolsChanged, NotAsked, CredentialsLost),
        "idempotent": True,
        "etag": True,
    },
    status_code=200,
)
async def approve_mcp_tools(
    server_name: PathId, data: JSONBody[ApproveRequest], principal: Caller, mcp_tools: AsksServers
) -> Response[McpServerAnswer]:
    """Let agents have tools as you saw them. The server is asked again: where one has changed since, nothing is done.

    Templates get them when they are published next.
    """
    handled = await mcp_tools.approve(principal, server_name, data.tools, data.idempotent)
    return _answer(server_name, handled.state, handled.position)


@post(
    "/api/mcp-servers/{server_name:str}/try",
    opt={"scope": "tools:write", "refuses": (ServerArchived, CredentialsLost), "idempotent": True},
    status_code=200,
)
async def try_mcp_tool(
    server_name: PathId, data: JSONBody[TryToolRequest], principal: Caller, mcp_tools: AsksServers
) -> TryToolAnswer:
    """Call a tool once, approved or not: it does what it does."""
    try:
        answer = await mcp_tools.attempt(principal.customer, server_name, data.tool, data.arguments)
    except GuardedFault as fault:
        return TryToolAnswer(failure=fault.code, detail=str(fault))
    text = answer.text
    return TryToolAnswer(is_error=answer.is_error, text=text[:_SHOWN], truncated=len(text) > _SHOWN)


def _answer(name: str, state: Any, position: Position | None) -> Response[McpServerAnswer]:
    assert isinstance(state, Written)
    told = McpServerAnswer(
        name=name,
        definition=state.definition,
        headers=state.credentials.headers,
        tools={
            tool: ApprovedTool(hash=one.hash, idempotent=one.idempotent, disabled=state.disabled.get(tool))
            for tool, one in sorted(state.approved.items())
        },
        archived=state.archived,
        position=encoded(position),
    )
    return Response(told, headers=tagged(position))


def _discovered(one: Seen) -> DiscoveredTool:
    return DiscoveredTool(
        name=one.tool.name,
        description=one.tool.description,
        input_schema=one.tool.input_schema,
        hash=one.hash,
        standing=one.standing,
        allowed=one.allowed,
        says_idempotent=one.says_idempotent,
        mistakes=one.mistakes,
    )


ROUTES = [
    write_mcp_server,
    get_mcp_server,
    archive_mcp_server,
    discover_mcp_tools,
    approve_mcp_tools,
    try_mcp_tool,
]
