"""What config does with customers' own tools: write, look up, try, and open their secrets for a session's job.

A secret is kept before the event that names it, so that no event ever names a secret that is not there.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from chassis.clock import Clock
from chassis.command_handler import CommandHandler, Handled, Stream
from chassis.errors import Conflict, FieldError, InvalidInput, NotFound
from chassis.event_log import EventLog
from chassis.guarded_addresses import Permission
from chassis.guarded_http import GuardedAnswer, GuardedClient
from chassis.ids import new_id
from chassis.principal import Principal
from chassis.recording import Origin
from chassis.sealing import SealBroken
from chassis.signed_calls import BadSecret, call_signed, parse_secret
from chassis.vault import SecretMissing, Vault
from config.domain.custom_tool import CUSTOM_TOOL, Archive, Create, Revise, State, ToolArchived, Written
from config.domain.schema_rules import argument_errors
from config.domain.tool_rules import name_errors, tool_errors
from contracts.custom_tool import CustomTool
from contracts.envelope import decode_commit
from contracts.ids import CustomerId
from contracts.registry import decode_data
from contracts.subjects import CONFIG_WRITER, Log, config_filter, config_subject

KIND = "tool"
MAX_TOOLS = 200
_FIELD = "signing_secret"

log = structlog.get_logger()


class TooManyTools(Conflict):
    """A customer has as many tools as there may be, archived ones among them."""

    code, title = "too_many_tools", f"There are {MAX_TOOLS} tools already"


class CustomTools:
    """Commands and look-ups. Raises the decider's refusals and LogFault; `allow` is the permission of development."""

    def __init__(
        self,
        *,
        log: EventLog,
        clock: Clock,
        vault: Vault,
        client: GuardedClient,
        source: str,
        allow: Permission | None = None,
    ) -> None:
        self._handler = CommandHandler(log=log, log_name=Log.CONFIG, clock=clock)
        self._log, self._clock, self._vault = log, clock, vault
        self._client, self._source, self._allow = client, source, allow

    async def create(self, principal: Principal, name: str, tool: CustomTool, secret: str) -> Handled[State]:
        """A new tool; raises InvalidInput, ToolExists, TooManyTools."""
        key = self._checked(tool, secret, named=name)
        if len(await self.all_of(principal.customer)) >= MAX_TOOLS:
            raise TooManyTools
        kept = await self._keep(principal, name, key)
        return await self._handle(principal, name, Create(tool, kept), kept)

    async def revise(self, principal: Principal, name: str, tool: CustomTool, secret: str | None) -> Handled[State]:
        """Another definition, and another secret where one is given; raises InvalidInput, NotFound, ToolArchived."""
        key = self._checked(tool, secret)
        known = (await self.find(principal.customer, name)).state
        assert isinstance(known, Written)
        if known.archived:
            raise ToolArchived
        if not key or key == await self._key(principal.customer, name, known):
            return await self._handle(principal, name, Revise(tool))
        kept = await self._keep(principal, name, key)
        handled = await self._handle(principal, name, Revise(tool, kept), kept)
        await self._vault.forget(customer=principal.customer, id=known.secret)
        return handled

    async def archive(self, principal: Principal, name: str) -> Handled[State]:
        """Out of use; live sessions keep it, and its secret."""
        return await self._handle(principal, name, Archive())

    async def find(self, customer: CustomerId, name: str) -> Stream[State]:
        """One tool; raises NotFound."""
        stream = await self._handler.load(config_subject(customer, KIND, name), CUSTOM_TOOL)
        if stream.revision == 0:
            raise NotFound("no such tool")
        return stream

    async def all_of(self, customer: CustomerId) -> dict[str, Written]:
        """Every tool of a customer by name, archived ones too."""
        found: dict[str, State] = defaultdict(lambda: CUSTOM_TOOL.initial)
        async for commit in self._log.read(Log.CONFIG, config_filter(customer, KIND)):
            for envelope in decode_commit(commit.payload):
                found[envelope.subject] = CUSTOM_TOOL.evolve(found[envelope.subject], decode_data(envelope))
        return {name: state for name, state in sorted(found.items()) if isinstance(state, Written)}

    async def attempt(self, principal: Principal, name: str, arguments: Mapping[str, object]) -> GuardedAnswer:
        """Call the tool as a session would, outside any session. Raises NotFound, InvalidInput, GuardedFault."""
        state = (await self.find(principal.customer, name)).state
        assert isinstance(state, Written)
        if errors := list(argument_errors(state.definition.parameters, arguments)):
            raise InvalidInput("the arguments do not satisfy the tool's parameters", errors=errors)
        call_id = new_id("try")
        body = {"type": "tool.try", "tool": name, "call_id": call_id, "arguments": arguments}
        return await call_signed(
            self._client,
            state.definition.url,
            key=await self._key(principal.customer, name, state),
            id=call_id,
            content=msgspec.json.encode({**body, "livemode": principal.livemode}),
            timeout_s=state.definition.timeout_s,
            repeatable=state.definition.idempotent,
            clock=self._clock,
        )

    async def keys(self, customer: CustomerId, names: Sequence[str]) -> dict[str, bytes]:
        """The keys that sign calls now, by tool; those that do not open are left out."""
        keys = await asyncio.gather(*(self._current_key(customer, name) for name in names))
        return {name: key for name, key in zip(names, keys, strict=True) if key is not None}

    def _checked(self, tool: CustomTool, secret: str | None, *, named: str | None = None) -> bytes:
        """The key of a secret, where there is one and all is well; raises InvalidInput with every mistake."""
        errors = list(name_errors(named)) if named is not None else []
        errors += tool_errors(tool, allow=self._allow)
        key = b""
        try:
            key = parse_secret(secret) if secret is not None else b""
        except BadSecret as bad:
            errors.append(FieldError("/secret", "bad_secret", str(bad)))
        if errors:
            raise InvalidInput("the tool is not valid", errors=errors)
        return key

    async def _current_key(self, customer: CustomerId, name: str) -> bytes | None:
        try:
            state = (await self.find(customer, name)).state
            assert isinstance(state, Written)
            return await self._key(customer, name, state)
        except (NotFound, SecretMissing, SealBroken) as error:
            log.error("tool_secret_not_opened", customer=customer, tool=name, code=error.code)
            return None

    async def _key(self, customer: CustomerId, name: str, state: Written) -> bytes:
        return await self._vault.get(customer=customer, entity=name, field=_FIELD, id=state.secret)

    async def _keep(self, principal: Principal, name: str, key: bytes) -> str:
        return await self._vault.put(customer=principal.customer, entity=name, field=_FIELD, secret=key)

    async def _handle(
        self, principal: Principal, name: str, command: Create | Revise | Archive, kept: str = ""
    ) -> Handled[State]:
        """Decide and append; a secret that no event came to name is forgotten. Raises the decider's refusals."""
        origin = Origin(
            customer=principal.customer,
            subject=name,
            writer=CONFIG_WRITER,
            source=self._source,
            livemode=principal.livemode,
        )
        subject = config_subject(principal.customer, KIND, name)
        try:
            return await self._handler.handle(subject, CUSTOM_TOOL, command, origin=origin, actor=principal.actor)
        except (Conflict, NotFound):
            if kept:
                await self._vault.forget(customer=principal.customer, id=kept)
            raise
