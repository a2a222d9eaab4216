"""What config does with its entities, whoever asks: the HTTP routes, and the seeding of a new deployment."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import msgspec

from chassis.api_keys import api_key_digest, new_api_key
from chassis.clock import Clock
from chassis.command_handler import CommandHandler, Handled, Stream
from chassis.decider import Decider
from chassis.errors import FieldError, NotFound
from chassis.event_log import EventLog
from chassis.ids import new_id
from chassis.object_store import ObjectStore
from chassis.principal import Principal
from chassis.recording import Origin
from config.domain import (
    agent_definition,
    api_key,
    custom_tool,
    customer,
    model_rules,
    panel_kind,
    publishing,
    template,
)
from config.domain.agent_definition import AGENT_DEFINITION, Written
from config.domain.api_key import API_KEY
from config.domain.custom_tool import CUSTOM_TOOL
from config.domain.customer import CUSTOMER
from config.domain.knowledge_document import KNOWLEDGE_DOCUMENT, Kept
from config.domain.knowledge_rules import named_documents
from config.domain.panel_kind import PANEL_KIND
from config.domain.template import TEMPLATE, Drafted
from contracts.builtin_tools import BUILTIN_TOOLS
from contracts.custom_tool import CustomTool
from contracts.envelope import parse_time
from contracts.events.api_key import KeyKind
from contracts.ids import AgentId, ApiKeyId, CustomerId, DocumentId, PanelId, TemplateId, is_id
from contracts.mcp_server import VersionMcpServer, parse_reference
from contracts.model_catalogue import builtin_models
from contracts.panels.kind import PanelKind
from contracts.panels.registry import builtin
from contracts.positions import Position
from contracts.registry import EventData
from contracts.subjects import CONFIG_WRITER, Log, config_subject
from contracts.template_version import AgentDefinition, encode_version

C = TypeVar("C")
S = TypeVar("S")

Check = Callable[[int], None] | None
"""What refuses a change of a thing at this revision (0: nothing there yet), before it is written."""


PublishableServer = Callable[[CustomerId, str], Awaitable[VersionMcpServer | None]]
"""A customer's MCP server by name, with all of its tools that may be published; None where there is none in use."""


class Published(msgspec.Struct, frozen=True):
    """A template after a publish, and what in it works but should be changed."""

    handled: Handled[template.State]
    warnings: list[FieldError]


class IssuedKey(NamedTuple):
    """A new key: its id, the key itself, which nobody will see again, and the position of its event."""

    id: ApiKeyId
    key: str
    position: Position | None


class Entities:
    """Commands and look-ups on the entities of CONFIG. Raises the deciders' refusals and LogFault.

    Without `publishable` no template is published whose agents name tools of MCP servers.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        objects: ObjectStore,
        clock: Clock,
        pepper: bytes,
        source: str,
        publishable: PublishableServer | None = None,
    ) -> None:
        self._handler = CommandHandler(log=log, log_name=Log.CONFIG, clock=clock)
        self._publishable = publishable
        self._objects, self._pepper, self._source, self._clock = objects, pepper, source, clock

    async def write_agent(
        self, principal: Principal, id: AgentId, command: agent_definition.Command, *, check: Check = None
    ) -> Handled[agent_definition.State]:
        """Create, revise or archive an agent definition."""
        return await self._handle(principal, "agent", id, AGENT_DEFINITION, command, check)

    async def find_agent(self, customer: CustomerId, id: AgentId) -> Stream[agent_definition.State]:
        """One agent definition; raises NotFound."""
        return await self._found(customer, "agent", id, AGENT_DEFINITION)

    async def write_template(
        self, principal: Principal, id: TemplateId, command: template.Command, *, check: Check = None
    ) -> Handled[template.State]:
        """Create or change a template."""
        return await self._handle(principal, "template", id, TEMPLATE, command, check)

    async def find_template(self, customer: CustomerId, id: TemplateId) -> Stream[template.State]:
        """One template; raises NotFound."""
        return await self._found(customer, "template", id, TEMPLATE)

    async def publish(self, principal: Principal, id: TemplateId) -> Published:
        """Validate the draft with its agents, store the version under its hash, then make it current."""
        drafted = (await self.find_template(principal.customer, id)).state
        assert isinstance(drafted, Drafted)
        definitions = await self._definitions(principal.customer, drafted.draft.agents)
        assembled = publishing.assemble(
            id,
            drafted.draft,
            definitions=definitions,
            kinds=await self._kinds(principal.customer, drafted.draft.panels),
            models=builtin_models(),
            tools=await self._tools(principal.customer, definitions.values()),
            servers=await self._servers(principal.customer, definitions.values()),
            documents=await self._documents(principal.customer, definitions.values()),
        )
        version, content = encode_version(assembled)
        await self._objects.put(version, content)
        handled = await self._handle(principal, "template", id, TEMPLATE, template.Publish(version))
        return Published(handled, model_rules.warnings(drafted.draft, definitions, builtin_models()))

    async def issue_key(
        self,
        principal: Principal,
        *,
        scopes: list[str],
        livemode: bool,
        kind: KeyKind = "secret",
        origins: list[str] | None = None,
        templates: list[TemplateId] | None = None,
        expires_at: datetime | None = None,
        rotated_from: str = "",
    ) -> IssuedKey:
        """A new key. Raises BadKey."""
        id = ApiKeyId(new_id("key"))
        key = new_api_key(id, livemode=livemode, kind=kind)
        command = api_key.Issue(
            digest=api_key_digest(self._pepper, key),
            hint=f"…{key[-4:]}",
            scopes=scopes,
            livemode=livemode,
            kind=kind,
            origins=origins or [],
            templates=templates or [],
            expires_at=expires_at,
            rotated_from=rotated_from,
            now=self._clock.now(),
        )
        handled = await self._handle(principal, "api_key", id, API_KEY, command)
        return IssuedKey(id, key, handled.position)

    async def rotate_key(
        self, principal: Principal, id: ApiKeyId, *, overlap: timedelta
    ) -> tuple[IssuedKey, list[str]]:
        """A key like this one, which ends after `overlap`. Raises NotFound, KeyIsOver, and NotAllowed for a key that
        reaches further than the asking one.

        The new key lives as long as the old one did, from now. After a crash between the two both are in force.
        """
        stream = await self._found(principal.customer, "api_key", id, API_KEY)
        old, now = stream.state.issued, self._clock.now()
        assert old is not None
        replace = api_key.Replace(at=now + overlap, now=now)
        api_key.decide(replace, stream.state)
        principal.grant(frozenset(old.scopes), livemode=old.livemode)
        issued_at = stream.created_at
        expires_at = now + (parse_time(old.expires_at) - issued_at) if old.expires_at and issued_at else None
        new = await self.issue_key(
            principal,
            scopes=old.scopes,
            livemode=old.livemode,
            kind=old.kind,
            origins=old.origins,
            templates=old.templates,
            expires_at=expires_at,
            rotated_from=id,
        )
        await self._handle(principal, "api_key", id, API_KEY, replace)
        return new, old.scopes

    async def revoke_key(self, principal: Principal, id: ApiKeyId) -> Handled[api_key.State]:
        """End a key; twice is safe."""
        return await self._handle(principal, "api_key", id, API_KEY, api_key.Revoke())

    async def create_customer(self, principal: Principal, *, name: str, max_sessions: int) -> None:
        """Create the principal's customer; twice is safe."""
        command = customer.Create(name, max_sessions)
        await self._handle(principal, "customer", principal.customer, CUSTOMER, command)

    async def _definitions(self, customer: CustomerId, agents: list[AgentId]) -> dict[AgentId, AgentDefinition]:
        """Those in use; a draft may name what no agent could be called."""
        wanted = [agent for agent in agents if is_id(agent)]
        streams = await asyncio.gather(
            *(self._handler.load(config_subject(customer, "agent", agent), AGENT_DEFINITION) for agent in wanted)
        )
        return {
            agent: stream.state.definition
            for agent, stream in zip(wanted, streams, strict=True)
            if isinstance(stream.state, Written) and not stream.state.archived
        }

    async def _kinds(self, customer: CustomerId, panels: list[PanelId]) -> dict[PanelId, PanelKind]:
        """Baton's own kinds, and those of the customer's own in use that are named."""
        own = {PanelId(name): kind for name, kind in builtin().items()}
        wanted = sorted({panel for panel in panels if is_id(panel)} - own.keys())
        streams = await asyncio.gather(
            *(self._handler.load(config_subject(customer, "panel_kind", name), PANEL_KIND) for name in wanted)
        )
        theirs = {
            name: stream.state.kind
            for name, stream in zip(wanted, streams, strict=True)
            if isinstance(stream.state, panel_kind.Written) and not stream.state.archived
        }
        return own | theirs

    async def _tools(self, customer: CustomerId, definitions: Iterable[AgentDefinition]) -> dict[str, CustomTool]:
        """Those of the customer's own tools in use that the agents name."""
        named = {tool for definition in definitions for tool in definition.tools if is_id(tool)}
        wanted = sorted(named - BUILTIN_TOOLS)
        streams = await asyncio.gather(
            *(self._handler.load(config_subject(customer, "tool", name), CUSTOM_TOOL) for name in wanted)
        )
        return {
            name: stream.state.definition
            for name, stream in zip(wanted, streams, strict=True)
            if isinstance(stream.state, custom_tool.Written) and not stream.state.archived
        }

    async def _servers(
        self, customer: CustomerId, definitions: Iterable[AgentDefinition]
    ) -> dict[str, VersionMcpServer]:
        """Those of the customer's MCP servers in use of which the agents name tools."""
        named = (parse_reference(tool) for definition in definitions for tool in definition.tools)
        wanted = sorted({reference[0] for reference in named if reference})
        if self._publishable is None:
            return {}
        found = await asyncio.gather(*(self._publishable(customer, name) for name in wanted))
        return {name: server for name, server in zip(wanted, found, strict=True) if server is not None}

    async def _documents(self, customer: CustomerId, definitions: Iterable[AgentDefinition]) -> dict[DocumentId, Kept]:
        """Those of the customer's documents that the agents name and that are there."""
        wanted = sorted({id for one in definitions for id in named_documents(one) if is_id(id)})
        streams = await asyncio.gather(
            *(
                self._handler.load(config_subject(customer, "knowledge_document", id), KNOWLEDGE_DOCUMENT)
                for id in wanted
            )
        )
        return {id: stream.state for id, stream in zip(wanted, streams, strict=True) if isinstance(stream.state, Kept)}

    async def _found(self, customer: CustomerId, kind: str, id: str, decider: Decider[C, EventData, S]) -> Stream[S]:
        stream = await self._handler.load(config_subject(customer, kind, id), decider)
        if stream.revision == 0:
            raise NotFound(f"no such {kind}")
        return stream

    async def _handle(
        self,
        principal: Principal,
        kind: str,
        id: str,
        decider: Decider[C, EventData, S],
        command: C,
        check: Check = None,
    ) -> Handled[S]:
        origin = Origin(
            customer=principal.customer,
            subject=id,
            writer=CONFIG_WRITER,
            source=self._source,
            livemode=principal.livemode,
        )
        subject = config_subject(principal.customer, kind, id)
        return await self._handler.handle(subject, decider, command, origin=origin, actor=principal.actor, check=check)
