"""What a session's own tools and MCP servers need of the world outside: a guarded client, and their secrets.

Secrets are asked for once, when the first tool needs one, and live in this process only. While nobody answers, tools
fail and the call goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from chassis.guarded_http import GuardedClient
from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask
from contracts.commands.jobs import JobMetadata
from contracts.commands.mcp import McpToolsAnswer, McpToolsRefused, ReportMcpTools, SeenChange
from contracts.commands.secrets import McpAccess, OpenToolSecrets, ToolSecretsAnswer, ToolSecretsOpened
from contracts.ids import SessionId
from contracts.subjects import MCP_TOOLS, TOOL_SECRETS
from runtime.adapters.library import Library

log = structlog.get_logger()

SECRETS_S = 3.0

AskForToolSecrets = Callable[[OpenToolSecrets], Awaitable[ToolSecretsAnswer]]
"""How config is asked; over NATS in a job, a function in tests. Raises SecretsOutOfReach."""


TellMcpTools = Callable[[ReportMcpTools], Awaitable[McpToolsAnswer]]
"""How config is told; over NATS in a job, a function in tests. Raises ReportNotTaken."""


class ReportNotTaken(Exception):
    """Config did not say that it has the report: it may have it, and is told again."""

    code = "report_not_taken"


class SecretsOutOfReach(Exception):
    """Config does not answer now."""

    code = "secrets_out_of_reach"


class ToolSecrets:
    """The keys of one session's own tools, and what it presents to MCP servers."""

    def __init__(self, *, ask: AskForToolSecrets, metadata: JobMetadata) -> None:
        self._ask = ask
        self._question = OpenToolSecrets(customer=metadata.customer, version=metadata.version)
        self._opened: ToolSecretsOpened | None = None
        self._lock = asyncio.Lock()

    async def key(self, tool: str) -> bytes | None:
        """The key of a tool; None where it has none, or this session may not have it. Raises SecretsOutOfReach."""
        return (await self._secrets()).keys.get(tool)

    async def mcp(self, server: str) -> McpAccess | None:
        """What an MCP server is presented; None where this session may not call it. Raises SecretsOutOfReach."""
        return (await self._secrets()).mcp.get(server)

    async def _secrets(self) -> ToolSecretsOpened:
        async with self._lock:
            if self._opened is None:
                answer = await self._ask(self._question)
                if not isinstance(answer, ToolSecretsOpened):
                    log.error("tool_secrets_refused", why=answer.why)
                self._opened = answer if isinstance(answer, ToolSecretsOpened) else ToolSecretsOpened(keys={})
            return self._opened


class McpReports:
    """Tells config what one session saw of MCP servers."""

    def __init__(self, *, tell: TellMcpTools, metadata: JobMetadata) -> None:
        self._tell, self._metadata = tell, metadata

    async def send(self, server: str, changes: list[SeenChange]) -> None:
        """Raises ReportNotTaken."""
        answer = await self._tell(
            ReportMcpTools(
                customer=self._metadata.customer,
                session=self._metadata.session,
                version=self._metadata.version,
                livemode=self._metadata.livemode,
                server=server,
                changes=changes,
            )
        )
        if isinstance(answer, McpToolsRefused):
            log.error("mcp_report_refused", server=server, why=answer.why)


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """Of one session; nothing in it may be logged."""

    client: GuardedClient
    secrets: ToolSecrets
    session: SessionId
    livemode: bool
    reports: McpReports | None = None
    library: Library | None = None


def asking_config(client: Client) -> AskForToolSecrets:
    """Asks config over NATS, at most SECRETS_S."""

    async def ask_config(question: OpenToolSecrets) -> ToolSecretsAnswer:
        try:
            answer: ToolSecretsAnswer = await ask(
                client, TOOL_SECRETS, question, ToolSecretsAnswer, timeout_s=SECRETS_S
            )
        except (NoAnswer, RequestRefused) as error:
            raise SecretsOutOfReach from error
        return answer

    return ask_config


def telling_config(client: Client) -> TellMcpTools:
    """Tells config over NATS, at most SECRETS_S."""

    async def tell_config(report: ReportMcpTools) -> McpToolsAnswer:
        try:
            answer: McpToolsAnswer = await ask(client, MCP_TOOLS, report, McpToolsAnswer, timeout_s=SECRETS_S)
        except (NoAnswer, RequestRefused) as error:
            raise ReportNotTaken from error
        return answer

    return tell_config
