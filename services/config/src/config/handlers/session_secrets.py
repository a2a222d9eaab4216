"""What a session's job asks config in secret, and what it tells of MCP servers: only of what its customer published."""

import asyncio

import structlog

from chassis.errors import NotFound
from chassis.event_log import EventLog
from chassis.object_store import ObjectMissing, ObjectStore
from config.handlers.custom_tools import CustomTools
from config.handlers.mcp_servers import McpServers
from contracts.commands.mcp import McpToolsAnswer, McpToolsRefused, McpToolsTaken, ReportMcpTools
from contracts.commands.secrets import OpenToolSecrets, ToolSecretsAnswer, ToolSecretsOpened, ToolSecretsRefused
from contracts.envelope import decode_commit
from contracts.events.template import TemplatePublished
from contracts.ids import CustomerId, VersionHash
from contracts.registry import decode_data
from contracts.subjects import Log, config_subject
from contracts.template_version import CorruptVersion, TemplateVersion, decode_version

RUNTIME = "runtime"
"""The actor of what a session's job tells."""

log = structlog.get_logger()


class SessionSecrets:
    """The answers to TOOL_SECRETS and MCP_TOOLS. Raises LogFault."""

    def __init__(self, *, log: EventLog, objects: ObjectStore, tools: CustomTools, servers: McpServers) -> None:
        self._log, self._objects, self._tools, self._servers = log, objects, tools, servers

    async def open(self, question: OpenToolSecrets) -> ToolSecretsAnswer:
        """The secrets of a version's tools and servers."""
        version = await self._published(question.customer, question.version)
        if version is None:
            return ToolSecretsRefused(why="this customer never published that version")
        servers = version.mcp_servers or {}
        found = await asyncio.gather(
            *(self._servers.access(question.customer, name, server) for name, server in servers.items())
        )
        return ToolSecretsOpened(
            keys=await self._tools.keys(question.customer, list(version.tools or {})),
            mcp={name: access for name, access in zip(servers, found, strict=True) if access is not None},
        )

    async def take(self, report: ReportMcpTools) -> McpToolsAnswer:
        """Disable what a session saw changed."""
        version = await self._published(report.customer, report.version)
        if version is None or report.server not in (version.mcp_servers or {}):
            return McpToolsRefused(why="this customer never published that version with that server")
        try:
            disabled = await self._servers.disable(report, RUNTIME)
        except NotFound:
            return McpToolsRefused(why="there is no such MCP server")
        log.info("mcp_tools_disabled", customer=report.customer, server=report.server, count=len(disabled))
        return McpToolsTaken(disabled=disabled)

    async def _published(self, customer: CustomerId, hash: VersionHash) -> TemplateVersion | None:
        """The version, if that customer published it."""
        try:
            version = decode_version(await self._objects.get(hash), hash)
        except (ObjectMissing, CorruptVersion):
            return None
        async for commit in self._log.read(Log.CONFIG, config_subject(customer, "template", version.template_id)):
            for envelope in decode_commit(commit.payload):
                told = decode_data(envelope)
                if isinstance(told, TemplatePublished) and told.version == hash:
                    return version
        return None
