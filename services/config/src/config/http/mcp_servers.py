"""/api/mcp-servers: servers of the Model Context Protocol, and which of their tools agents may be given."""

from typing import Any

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from chassis.guarded_http import GuardedFault
from chassis.http.app import Caller, PathId
from chassis.http.conditions import BadTag, IfMatch, precondition
from config.domain.mcp_rules import Seen
from config.domain.mcp_server import ServerArchived, Written
from config.handlers.mcp_servers import McpServers, TooManyServers
from config.handlers.mcp_tools import CredentialsLost, McpTools, NotAsked, ToolsChanged
from config.http.answers import encoded, tagged
from config.http.mcp_bodies import (
    ApprovedTool,
    ApproveRequest,
    DiscoverAnswer,
    DiscoveredTool,
    McpServerAnswer,
    McpServerRequest,
    TryToolAnswer,
    TryToolRequest,
)
from contracts.positions import Position

KeepsServers = NamedDependency[McpServers]
AsksServers = NamedDependency[McpTools]
_SHOWN = 16_000


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
