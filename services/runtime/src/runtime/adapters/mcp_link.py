"""One MCP server of one session: connected to as it begins, its tools held against what the customer approved.

A tool whose name, description or schema is no longer what was approved is refused for as long as the session lasts, and
config is told. A server that is out of reach costs its tools and nothing else; how often it is tried is bounded.
"""

import asyncio
import contextlib
import random
from collections.abc import Mapping

import structlog

from chassis.clock import Clock
from chassis.guarded_http import AddressRefused, GuardedFault, NotReached, TooSlow
from chassis.mcp.connection import McpConnection
from chassis.mcp.messages import HttpStatusFault, RpcFault, ServerTool, ToolAnswer
from contracts.commands.mcp import SeenChange
from contracts.commands.secrets import McpAccess
from contracts.mcp_server import McpTool, VersionMcpServer, encode_tool
from runtime.adapters.outside import Outside, ReportNotTaken, SecretsOutOfReach

log = structlog.get_logger()

OPEN_S = 10.0
ATTEMPTS = 2
"""Of one call, where it may be repeated at all."""

MAX_FAILURES = 5
"""Connections in a row that came to nothing; then the server is left alone for the rest of the session."""

REPORTS = 3
_LOOKS_IN_A_ROW = 3
_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_LEAST_LEFT_S = 0.1


class McpUnavailable(Exception):
    """The tool may not or cannot be called now."""

    code = "unavailable"


class McpLink:
    """One server of one session."""

    def __init__(self, name: str, server: VersionMcpServer, *, outside: Outside, clock: Clock) -> None:
        self._name, self._server, self._outside, self._clock = name, server, outside, clock
        self._lock = asyncio.Lock()
        self._connection: McpConnection | None = None
        self._refused: set[str] = set()
        self._stale, self._failures, self._again_at = False, 0, 0.0
        self._unreported: list[SeenChange] = []
        self._wake, self._connected = asyncio.Event(), asyncio.Event()

    async def call(self, tool: str, arguments: Mapping[str, object]) -> ToolAnswer:
        """See McpServers."""
        deadline = self._clock.monotonic() + self._server.timeout_s
        try:
            async with asyncio.timeout(self._server.timeout_s):
                for attempt in range(1, ATTEMPTS + 1):
                    connection = await self._ready(tool)
                    left_s = max(deadline - self._clock.monotonic(), _LEAST_LEFT_S)
                    try:
                        return await connection.call_tool(tool, arguments, timeout_s=left_s)
                    except GuardedFault as fault:
                        self._forget(connection, fault)
                        if attempt == ATTEMPTS or not _may_repeat(fault, self._server.tools[tool].idempotent):
                            raise
        except TimeoutError as error:
            raise TooSlow(f"no answer in {self._server.timeout_s} s") from error
        raise AssertionError("the last attempt returns or raises")

    async def watch(self) -> None:
        """Check the tools at the beginning and whenever the server says that they changed; tell config of changes.

        A server that says so all the time is looked at less and less often; each call still looks before it is made.
        """
        hasty = 0
        while True:
            began = self._clock.monotonic()
            with contextlib.suppress(McpUnavailable, GuardedFault):
                await self._ready()
            await self._report()
            await self._wake.wait()
            hasty = 0 if self._clock.monotonic() - began > _LONGEST_PAUSE_S else hasty + 1
            if hasty > _LOOKS_IN_A_ROW:
                await asyncio.sleep(_pause_s(hasty))
            self._wake.clear()

    async def listen(self) -> None:
        """Hear the server; what it said while nobody listened is made up for by looking again."""
        await self._connected.wait()
        short = 0
        while short < MAX_FAILURES:
            began = self._clock.monotonic()
            if (connection := self._connection) is not None:
                try:
                    if not await connection.listen(timeout_s=OPEN_S):
                        return
                except GuardedFault as fault:
                    log.info("mcp_stream_broke", server=self._name, code=fault.code)
            short = 0 if self._clock.monotonic() - began > _LONGEST_PAUSE_S else short + 1
            await asyncio.sleep(_pause_s(short))
            self._tools_changed()

    async def close(self) -> None:
        """End the session with the server."""
        if self._connection is not None:
            await self._connection.close()

    async def _ready(self, tool: str | None = None) -> McpConnection:
        """The connection, its tools checked. Raises McpUnavailable, also for a tool that is refused; GuardedFault."""
        async with self._lock:
            if self._connection is None or self._stale:
                await self._check()
            assert self._connection is not None
            if tool in self._refused:
                raise McpUnavailable
            return self._connection

    async def _check(self) -> None:
        """Connect where there is no connection, and hold the tools against what is approved."""
        if self._failures >= MAX_FAILURES or self._clock.monotonic() < self._again_at:
            raise McpUnavailable
        access = await self._access()
        connection = self._connection or self._connect(access)
        try:
            if self._connection is None:
                await connection.open(timeout_s=OPEN_S)
            self._stale = False
            listed = await connection.list_tools(timeout_s=OPEN_S)
        except (GuardedFault, asyncio.CancelledError) as fault:
            # Cancelled is what a call is whose time is over: then the server was too slow for it.
            self._stale = True
            self._failed(getattr(fault, "code", "timeout"))
            raise
        self._connection, self._failures = connection, 0
        self._compare(listed, access)
        self._connected.set()

    async def _access(self) -> McpAccess:
        try:
            access = await self._outside.secrets.mcp(self._name)
        except SecretsOutOfReach as error:
            raise McpUnavailable from error
        if access is None:
            raise McpUnavailable
        return access

    def _connect(self, access: McpAccess) -> McpConnection:
        return McpConnection(
            client=self._outside.client,
            url=self._server.url,
            headers=access.headers,
            on_tools_changed=self._tools_changed,
        )

    def _compare(self, listed: list[ServerTool], access: McpAccess) -> None:
        now = {tool.name: _hash(tool) for tool in listed if tool.name in self._server.tools}
        for name, published in self._server.tools.items():
            seen = now.get(name)
            if access.approved.get(name) != published.hash:
                self._refused.add(name)
            elif seen != published.hash and name not in self._refused:
                self._refused.add(name)
                change = SeenChange(tool=name, why="removed" if seen is None else "changed", seen=seen or "")
                self._unreported.append(change)
                self._wake.set()
                log.warning("mcp_tool_refused", server=self._name, tool=name, why=change.why)

    async def _report(self) -> None:
        changes, self._unreported = self._unreported, []
        if not changes or self._outside.reports is None:
            return
        for attempt in range(REPORTS):
            try:
                await self._outside.reports.send(self._name, changes)
            except ReportNotTaken:
                await asyncio.sleep(_pause_s(attempt))
            else:
                return
        log.error("mcp_change_not_reported", server=self._name, count=len(changes))

    def _tools_changed(self) -> None:
        self._stale = True
        self._wake.set()

    def _forget(self, connection: McpConnection, fault: GuardedFault) -> None:
        """A server that refuses what we send may have lost us: the next call connects anew."""
        if isinstance(fault, HttpStatusFault) and self._connection is connection:
            self._connection = None
            self._failed(fault.code)

    def _failed(self, code: str) -> None:
        log.warning("mcp_server_failed", server=self._name, code=code)
        self._again_at = self._clock.monotonic() + (_pause_s(self._failures) if self._failures else 0)
        self._failures += 1


def _may_repeat(fault: GuardedFault, idempotent: bool) -> bool:
    if isinstance(fault, AddressRefused | TooSlow | RpcFault):
        return False
    return isinstance(fault, NotReached) or idempotent or not fault.sent


def _pause_s(failures: int) -> float:
    # Random, so that many sessions do not come back together.
    return min(_PAUSE_S * 2.0**failures, _LONGEST_PAUSE_S) * random.uniform(0.5, 1)  # noqa: S311 (jitter)


def _hash(tool: ServerTool) -> str:
    """The hash of what the server offers; one that has none is unlike all that were approved."""
    try:
        return encode_tool(McpTool(name=tool.name, description=tool.description, input_schema=tool.input_schema))[0]
    except (ValueError, RecursionError):
        return "none"
