"""The MCP servers of one session, each over a link of its own."""

import asyncio
import contextlib
from collections.abc import Mapping

from chassis.clock import Clock
from chassis.mcp.messages import ToolAnswer
from chassis.tasks import Tasks
from contracts.mcp_server import VersionMcpServer
from runtime.adapters.mcp_link import McpLink, McpUnavailable
from runtime.adapters.outside import Outside

CLOSE_S = 2.0


class McpServers:
    """All MCP servers of one session, by name."""

    def __init__(self, servers: Mapping[str, VersionMcpServer], *, outside: Outside | None, clock: Clock) -> None:
        self._links = (
            {name: McpLink(name, server, outside=outside, clock=clock) for name, server in servers.items()}
            if outside
            else {}
        )

    def start(self, tasks: Tasks) -> None:
        """Connect to each in the background, and hear what it says until `tasks` end."""
        for name, link in self._links.items():
            tasks.start(link.watch(), name=f"mcp watch {name}")
            tasks.start(link.listen(), name=f"mcp listen {name}")

    async def call(self, server: str, tool: str, arguments: Mapping[str, object]) -> ToolAnswer:
        """Call a tool, within its server's timeout. Raises McpUnavailable, GuardedFault."""
        if server not in self._links:
            raise McpUnavailable
        return await self._links[server].call(tool, arguments)

    async def aclose(self) -> None:
        """End all sessions with servers, at most CLOSE_S."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(link.close() for link in self._links.values()))
