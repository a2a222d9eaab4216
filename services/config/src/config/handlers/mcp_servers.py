"""What config does with customers' MCP servers as such: write, look up, disable tools, and open their credentials.

Credentials are kept before the event that names them, so that no event ever names what is not there; and they are
shown to the origin that they were given for, and to no other.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping

import structlog

from chassis.clock import Clock
from chassis.command_handler import CommandHandler, Handled, Stream
from chassis.errors import Conflict, InvalidInput, NotFound
from chassis.event_log import EventLog
from chassis.guarded_addresses import Permission
from chassis.principal import Principal
from chassis.recording import Origin
from chassis.sealing import SealBroken
from chassis.vault import SecretMissing, Vault
from config.domain.mcp_rules import header_errors, name_errors, origin, server_errors
from config.domain.mcp_server import (
    MCP_SERVER,
    Approve,
    Archive,
    Command,
    Credentials,
    Disable,
    ServerArchived,
    State,
    Write,
    Written,
)
from config.handlers.mcp_credentials import McpCredentials, check_origin, size_errors
from contracts.commands.mcp import ReportMcpTools
from contracts.commands.secrets import McpAccess
from contracts.envelope import decode_commit
from contracts.events.mcp_server import McpServerToolDisabled
from contracts.ids import CustomerId
from contracts.mcp_server import McpServer, VersionMcpServer
from contracts.registry import decode_data
from contracts.subjects import CONFIG_WRITER, Log, config_filter, config_subject

KIND = "mcp_server"
MAX_SERVERS = 50
_READS = 3
"""Credentials that are replaced while they are read are gone from the vault, and others stand in the log."""

log = structlog.get_logger()


class TooManyServers(Conflict):
    """A customer has as many MCP servers as there may be, archived ones among them."""

    code, title = "too_many_mcp_servers", f"There are {MAX_SERVERS} MCP servers already"


class McpServers:
    """Commands and look-ups. Raises the decider's refusals and LogFault; `allow` is the permission of development."""

    def __init__(
        self, *, log: EventLog, clock: Clock, vault: Vault, source: str, allow: Permission | None = None
    ) -> None:
        self._handler = CommandHandler(log=log, log_name=Log.CONFIG, clock=clock)
        self._log, self._source, self._allow = log, source, allow
        self._credentials = McpCredentials(vault)

    async def write(
        self,
        principal: Principal,
        name: str,
        server: McpServer,
        headers: Mapping[str, str] | None,
        *,
        check: Callable[[int], None],
    ) -> Handled[State]:
        """Create or revise; `headers` None keeps the credentials in force, and {} takes them away.

        `check` is asked about the revision before something is written. Raises InvalidInput, TooManyServers,
        ServerArchived, and what `check` raises.
        """
        self._check(name, server, headers)
        stream = await self._load(principal.customer, name)
        known = stream.state if isinstance(stream.state, Written) else None
        if known is None and len(await self.all_of(principal.customer)) >= MAX_SERVERS:
            raise TooManyServers
        if known is not None:
            if known.archived:
                raise ServerArchived
            check_origin(known, server, headers)
        held = known.credentials if known is not None else Credentials()
        if headers is None or await self._credentials.are(principal.customer, name, held, headers):
            return await self._handle(principal, name, Write(server), check=check)
        kept = await self._credentials.keep(principal.customer, name, headers)
        handled = await self._handle(principal, name, Write(server, kept), check=check, kept=kept)
        await self._credentials.forget(principal.customer, held)
        return handled

    async def approve(
        self, principal: Principal, name: str, command: Approve, *, check: Callable[[int], None]
    ) -> Handled[State]:
        """Let agents have tools. That they are on the server as they are named is the caller's to know."""
        return await self._handle(principal, name, command, check=check)

    async def archive(self, principal: Principal, name: str) -> Handled[State]:
        """Out of use for every session that starts from now on."""
        return await self._handle(principal, name, Archive())

    async def disable(self, report: ReportMcpTools, actor: str) -> list[str]:
        """Which tools a report came to disable; the same report twice disables nothing more. Raises NotFound."""
        origin = self._origin(report.customer, report.server, report.livemode, correlationid=report.session)
        subject = config_subject(report.customer, KIND, report.server)
        command = Disable(report.changes)
        handled = await self._handler.handle(subject, MCP_SERVER, command, origin=origin, actor=actor)
        return [event.tool for event in handled.events if isinstance(event, McpServerToolDisabled)]

    async def find(self, customer: CustomerId, name: str) -> Stream[State]:
        """One server; raises NotFound."""
        stream = await self._load(customer, name)
        if stream.revision == 0:
            raise NotFound("no such MCP server")
        return stream

    async def written(self, customer: CustomerId, name: str) -> Written:
        """How one server stands; raises NotFound."""
        state = (await self.find(customer, name)).state
        assert isinstance(state, Written)
        return state

    async def all_of(self, customer: CustomerId) -> dict[str, Written]:
        """Every server of a customer by name, archived ones too."""
        found: dict[str, State] = defaultdict(lambda: MCP_SERVER.initial)
        async for commit in self._log.read(Log.CONFIG, config_filter(customer, KIND)):
            for envelope in decode_commit(commit.payload):
                found[envelope.subject] = MCP_SERVER.evolve(found[envelope.subject], decode_data(envelope))
        return {name: state for name, state in sorted(found.items()) if isinstance(state, Written)}

    async def headers(self, customer: CustomerId, name: str) -> tuple[Written, dict[str, str]]:
        """A server, and what is presented to it now. Raises NotFound, SecretMissing, SealBroken."""
        for left in reversed(range(_READS)):
            state = await self.written(customer, name)
            try:
                return state, await self._credentials.open(customer, name, state.credentials)
            except SecretMissing:
                if not left:
                    raise
        raise AssertionError("the last read returns or raises")

    async def access(self, customer: CustomerId, name: str, published: VersionMcpServer) -> McpAccess | None:
        """What a session of a published version presents; None where it may not be shown to that server any more."""
        try:
            state, headers = await self.headers(customer, name)
        except (NotFound, SecretMissing, SealBroken) as error:
            log.error("mcp_headers_not_opened", customer=customer, server=name, code=error.code)
            return None
        if state.archived or origin(state.definition.url) != origin(published.url):
            return None
        return McpAccess(headers=headers, approved={tool: one.hash for tool, one in state.usable.items()})

    def _check(self, name: str, server: McpServer, headers: Mapping[str, str] | None) -> None:
        errors = [*name_errors(name), *server_errors(server, allow=self._allow)]
        errors += [*header_errors(headers or {}), *size_errors(headers or {})]
        if errors:
            raise InvalidInput("the MCP server is not valid", errors=errors)

    async def _load(self, customer: CustomerId, name: str) -> Stream[State]:
        return await self._handler.load(config_subject(customer, KIND, name), MCP_SERVER)

    def _origin(self, customer: CustomerId, name: str, livemode: bool, *, correlationid: str = "") -> Origin:
        return Origin(
            customer=customer,
            subject=name,
            writer=CONFIG_WRITER,
            source=self._source,
            livemode=livemode,
            correlationid=correlationid,
        )

    async def _handle(
        self,
        principal: Principal,
        name: str,
        command: Command,
        *,
        check: Callable[[int], None] | None = None,
        kept: Credentials | None = None,
    ) -> Handled[State]:
        """Decide and append; credentials that no event came to name are forgotten. Raises the decider's refusals."""
        origin = self._origin(principal.customer, name, principal.livemode)
        subject = config_subject(principal.customer, KIND, name)
        try:
            return await self._handler.handle(
                subject, MCP_SERVER, command, origin=origin, actor=principal.actor, check=check
            )
        except (Conflict, NotFound, InvalidInput):
            if kept is not None:
                await self._credentials.forget(principal.customer, kept)
            raise
