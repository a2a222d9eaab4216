"""The tools of customers' MCP servers: what a server offers now, what of it is approved, and one call to try it.

A tool is stored as it was approved, under its hash, before the event that names it: what is published later is what
somebody saw.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec

from chassis.command_handler import Handled
from chassis.errors import Conflict, FieldError, InvalidInput, NotFound
from chassis.guarded_http import GuardedClient, GuardedFault
from chassis.mcp.connection import McpConnection
from chassis.mcp.messages import ServerInfo, ServerTool, ToolAnswer
from chassis.object_store import ObjectMissing, ObjectStore
from chassis.principal import Principal
from chassis.sealing import SealBroken
from chassis.vault import SecretMissing
from config.domain.mcp_rules import Seen, offered, published, seen
from config.domain.mcp_server import Approve, ServerArchived, State, Written
from config.domain.pointers import below, pointer
from config.domain.schema_rules import argument_errors
from config.handlers.mcp_servers import McpServers
from contracts.ids import CustomerId
from contracts.mcp_server import McpTool, VersionMcpServer, decode_tool, encode_tool

DISCOVER_S = 15.0
_KNOWN_TOOLS = 2000


class ToolsChanged(Conflict):
    """Between looking and approving, the server changed what it offers."""

    code, title = "mcp_tools_changed", "The server no longer offers these tools as they were seen"


class CredentialsLost(Conflict):
    """What is presented to the server does not open any more."""

    code, title = "mcp_credentials_lost", "The server's credentials do not open: give them anew"


class NotAsked(Conflict):
    """The server gave no answer, so there is nothing to compare with."""

    code, title = "mcp_server_out_of_reach", "The MCP server did not answer"


class Discovered(msgspec.Struct, frozen=True, kw_only=True):
    """What a server offers now, and which tools were approved and are no longer there."""

    server: ServerInfo
    protocol_version: str
    tools: list[Seen]
    removed: list[str]


class McpTools:
    """Look-ups over the network, and approval. Raises NotFound, LogFault, and GuardedFault where it says so."""

    def __init__(self, *, servers: McpServers, objects: ObjectStore, client: GuardedClient) -> None:
        self._servers, self._objects, self._client = servers, objects, client
        self._known: dict[str, McpTool] = {}

    async def discover(self, customer: CustomerId, name: str) -> Discovered:
        """Ask the server. Raises GuardedFault, ServerArchived, CredentialsLost."""
        state, headers = await self._headers(customer, name)
        async with self._connected(state, headers) as connection:
            opened = await connection.open(timeout_s=DISCOVER_S)
            listed = await connection.list_tools(timeout_s=DISCOVER_S)
        # In a thread: how many schemas there are to check, and how large, is a stranger's choice.
        found = await asyncio.to_thread(lambda: [_seen(name, one, state) for one in listed])
        return Discovered(
            server=opened.server_info,
            protocol_version=opened.protocol_version,
            tools=found,
            removed=sorted(state.approved.keys() - {one.tool.name for one in found}),
        )

    async def approve(
        self, principal: Principal, name: str, tools: Mapping[str, str], idempotent: Sequence[str]
    ) -> Handled[State]:
        """Approve tools as they were seen, by their hashes.

        Raises ToolsChanged where the server offers something else by now, NotAsked, InvalidInput, ServerArchived.
        """
        revision = (await self._servers.find(principal.customer, name)).revision
        try:
            discovered = await self.discover(principal.customer, name)
        except GuardedFault as fault:
            raise NotAsked(f"the server gave no answer: {fault.code}") from fault
        now = {one.tool.name: one for one in discovered.tools}
        _check_unchanged(tools, now)
        _check_fit(tools, idempotent, now)
        for tool in tools:
            await self._objects.put(*encode_tool(now[tool].tool))
        return await self._servers.approve(principal, name, Approve(tools, idempotent), check=_unless_past(revision))

    async def attempt(self, customer: CustomerId, name: str, tool: str, arguments: Mapping[str, object]) -> ToolAnswer:
        """Call a tool once as a session would, outside any session, approved or not.

        Raises InvalidInput for a tool that is not there, or arguments that break its schema; GuardedFault.
        """
        state, headers = await self._headers(customer, name)
        async with self._connected(state, headers) as connection:
            await connection.open(timeout_s=DISCOVER_S)
            listed = {one.name: one for one in await connection.list_tools(timeout_s=DISCOVER_S)}
            if tool not in listed:
                raise InvalidInput(
                    "no such tool", errors=[FieldError("/tool", "unknown_tool", "the server lists none")]
                )
            found = _seen(name, listed[tool], state)
            errors = list(below("/tool", found.mistakes))
            errors = errors or list(argument_errors(offered(found.tool.input_schema), arguments))
            if errors:
                raise InvalidInput("the tool cannot be called like this", errors=errors)
            return await connection.call_tool(tool, arguments, timeout_s=state.definition.timeout_s)

    async def approved(self, state: Written) -> dict[str, McpTool]:
        """The tools of a server that agents may be given, as they were approved."""
        names = list(state.usable)
        found = await asyncio.gather(*(self._stored(state.usable[name].hash) for name in names))
        return {name: tool for name, tool in zip(names, found, strict=True) if tool is not None}

    async def publishable(self, customer: CustomerId, name: str) -> VersionMcpServer | None:
        """A server with all that agents may be given of it; None where there is no such server in use."""
        try:
            state = await self._servers.written(customer, name)
        except NotFound:
            return None
        if state.archived:
            return None
        tools = {
            tool: published(known, hash=state.usable[tool].hash, idempotent=state.usable[tool].idempotent)
            for tool, known in (await self.approved(state)).items()
        }
        return VersionMcpServer(url=state.definition.url, timeout_s=state.definition.timeout_s, tools=tools)

    async def _stored(self, hash: str) -> McpTool | None:
        if hash not in self._known:
            try:
                content = await self._objects.get(hash)
            except ObjectMissing:
                return None
            while len(self._known) >= _KNOWN_TOOLS:
                self._known.pop(next(iter(self._known)))
            self._known[hash] = decode_tool(content)
        return self._known[hash]

    async def _headers(self, customer: CustomerId, name: str) -> tuple[Written, dict[str, str]]:
        try:
            state, headers = await self._servers.headers(customer, name)
        except (SecretMissing, SealBroken) as error:
            raise CredentialsLost from error
        if state.archived:
            raise ServerArchived
        return state, headers

    @contextlib.asynccontextmanager
    async def _connected(self, state: Written, headers: Mapping[str, str]) -> AsyncIterator[McpConnection]:
        connection = McpConnection(client=self._client, url=state.definition.url, headers=headers)
        try:
            yield connection
        finally:
            await connection.close()


def _unless_past(revision: int) -> Callable[[int], None]:
    """Raises ToolsChanged where the server was written meanwhile: it may be another one now."""

    def check(now: int) -> None:
        if now != revision:
            raise ToolsChanged("the MCP server was changed by another request meanwhile")

    return check


def _seen(server: str, listed: ServerTool, state: Written) -> Seen:
    tool = McpTool(name=listed.name, description=listed.description, input_schema=listed.input_schema)
    hints = listed.annotations
    return seen(server, tool, says_idempotent=hints.idempotent_hint or hints.read_only_hint, state=state)


def _check_unchanged(tools: Mapping[str, str], now: Mapping[str, Seen]) -> None:
    changed = [
        FieldError(pointer("tools", name), "changed", f"{name[:64]} is not on the server as it was seen")
        for name, hash in tools.items()
        if name not in now or now[name].hash != hash
    ]
    if changed:
        raise ToolsChanged(changed[0].detail, errors=changed)


def _check_fit(tools: Mapping[str, str], idempotent: Sequence[str], now: Mapping[str, Seen]) -> None:
    wrong = [error for name in tools for error in below(pointer("tools", name), now[name].mistakes)]
    for place, name in enumerate(idempotent):
        if name not in tools or not now[name].says_idempotent:
            detail = "the server does not say that calls of this tool may be repeated"
            wrong.append(FieldError(f"/idempotent/{place}", "not_said", detail))
    if wrong:
        raise InvalidInput("these tools cannot be approved", errors=wrong)
