"""What config does with customers' own keys at providers: test and keep, look up, and open them for a session's job.

A key is kept before the event that names it, so that no event ever names a key that is not there; and it is tested
before it is kept, so that what is saved has worked.
"""

from collections.abc import Callable

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
from config.adapters.provider_checks import ProviderChecks
from config.domain.credential_rules import credential_errors, hint_of
from config.domain.provider_credential import PROVIDER_CREDENTIAL, Remove, Save, Saved, State
from contracts.commands.secrets import OpenProviderCredentials, ProviderCredential, ProviderCredentialsOpened
from contracts.ids import CustomerId
from contracts.providers import PROVIDERS, ProviderName
from contracts.subjects import CONFIG_WRITER, Log, config_subject

KIND = "provider_credential"
_FIELD = "key"
_READS = 3
"""A key that is replaced while it is read is gone from the vault, and another stands in the log."""

log = structlog.get_logger()


class CredentialChanged(Conflict):
    """Another request changed it while the key was being tested."""

    code, title = "credential_changed", "The credential was changed by another request meanwhile"


class ProviderCredentials:
    """Commands and look-ups. Raises LogFault; `allow` is the permission of development."""

    def __init__(
        self,
        *,
        log: EventLog,
        clock: Clock,
        vault: Vault,
        checks: ProviderChecks,
        source: str,
        allow: Permission | None = None,
    ) -> None:
        self._handler = CommandHandler(log=log, log_name=Log.CONFIG, clock=clock)
        self._vault, self._checks, self._source, self._allow = vault, checks, source, allow

    async def save(
        self, principal: Principal, provider: ProviderName, *, key: str, base_url: str, check: Callable[[int], None]
    ) -> Handled[State]:
        """Test a key and keep it. `check` is asked about the revision (0: none is saved) where something would change.

        Raises InvalidInput, CredentialRefused, ProviderOutOfReach, CredentialChanged, and what `check` raises; then
        nothing has changed.
        """
        if errors := list(credential_errors(provider, key, base_url, allow=self._allow)):
            raise InvalidInput("the credential is not valid", errors=errors)
        stream = await self._load(principal.customer, provider)
        known = stream.state if isinstance(stream.state, Saved) else None
        same = known is not None and known.base_url == base_url and await self._is(principal, provider, known, key)
        if not same:
            check(stream.revision if known else 0)
        await self._checks.check(provider, key=key, base_url=base_url)
        if same:
            return Handled(state=stream.state, events=[], position=stream.position)
        kept = await self._vault.put(
            customer=principal.customer, entity=provider, field=_FIELD, secret=key.encode("ascii")
        )
        saved = await self._handle(principal, provider, Save(kept, hint_of(key), base_url), stream.revision, kept)
        if known is not None:
            await self._vault.forget(customer=principal.customer, id=known.secret)
        return saved

    async def remove(self, principal: Principal, provider: ProviderName) -> None:
        """The deployment's key is used again; twice is safe. Raises NotFound, CredentialChanged."""
        stream = await self._load(principal.customer, provider)
        await self._handle(principal, provider, Remove(), stream.revision)
        if isinstance(stream.state, Saved):
            await self._vault.forget(customer=principal.customer, id=stream.state.secret)

    async def find(self, customer: CustomerId, provider: ProviderName) -> Stream[State]:
        """The key in force at a provider; raises NotFound."""
        stream = await self._load(customer, provider)
        if not isinstance(stream.state, Saved):
            raise NotFound("no key of your own is saved for this provider")
        return stream

    async def all_of(self, customer: CustomerId) -> dict[ProviderName, Stream[State]]:
        """Every key in force, by provider."""
        streams = {provider: await self._load(customer, provider) for provider in PROVIDERS}
        return {provider: stream for provider, stream in streams.items() if isinstance(stream.state, Saved)}

    async def open(self, question: OpenProviderCredentials) -> ProviderCredentialsOpened:
        """The answer to PROVIDER_CREDENTIALS."""
        found: dict[ProviderName, ProviderCredential] = {}
        unusable: list[ProviderName] = []
        for provider in question.providers:
            try:
                opened = await self._open(question.customer, provider)
            except (SecretMissing, SealBroken) as error:
                log.error("credential_not_opened", customer=question.customer, provider=provider, code=error.code)
                unusable.append(provider)
            else:
                found |= {provider: opened} if opened is not None else {}
        return ProviderCredentialsOpened(credentials=found, unusable=unusable)

    async def _open(self, customer: CustomerId, provider: ProviderName) -> ProviderCredential | None:
        """None where there is none (any more); raises SecretMissing, SealBroken."""
        for attempt in range(1, _READS + 1):
            state = (await self._load(customer, provider)).state
            if not isinstance(state, Saved):
                return None
            try:
                key = await self._vault.get(customer=customer, entity=provider, field=_FIELD, id=state.secret)
            except SecretMissing:
                if attempt == _READS:
                    raise
            else:
                return ProviderCredential(
                    key=key.decode("ascii"), base_url=self._checks.address(provider, state.base_url)
                )
        raise AssertionError("the last attempt returns or raises")

    async def _is(self, principal: Principal, provider: ProviderName, known: Saved, key: str) -> bool:
        """Whether the key in force is this one; one that does not open is not."""
        try:
            kept = await self._vault.get(customer=principal.customer, entity=provider, field=_FIELD, id=known.secret)
        except (SecretMissing, SealBroken):
            return False
        return kept == key.encode("ascii")

    async def _load(self, customer: CustomerId, provider: ProviderName) -> Stream[State]:
        return await self._handler.load(config_subject(customer, KIND, provider), PROVIDER_CREDENTIAL)

    async def _handle(
        self, principal: Principal, provider: ProviderName, command: Save | Remove, revision: int, kept: str = ""
    ) -> Handled[State]:
        """Decide and append at this very revision; a key that no event came to name is forgotten."""
        origin = Origin(
            customer=principal.customer,
            subject=provider,
            writer=CONFIG_WRITER,
            source=self._source,
            livemode=principal.livemode,
        )

        def unchanged(found: int) -> None:
            if found != revision:
                raise CredentialChanged

        subject = config_subject(principal.customer, KIND, provider)
        try:
            return await self._handler.handle(
                subject, PROVIDER_CREDENTIAL, command, origin=origin, actor=principal.actor, check=unchanged
            )
        except (Conflict, NotFound):
            if kept:
                await self._vault.forget(customer=principal.customer, id=kept)
            raise
