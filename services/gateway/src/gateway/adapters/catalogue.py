"""What customers have published, folded in memory from the CONFIG log: nothing to rebuild, nothing to ask of config.

Sessions start from it while config is down.
"""

from collections import OrderedDict

import msgspec
import structlog

from chassis.event_log import Commit, EventLog
from chassis.log_fold import LogFold
from chassis.object_store import ObjectStore
from contracts.aliases import AliasTarget, choose
from contracts.envelope import Envelope, InvalidCommit, decode_commit
from contracts.events.customer import CustomerResumed, CustomerSuspended
from contracts.events.provider_credential import ProviderCredentialCreated, ProviderCredentialRemoved
from contracts.events.template import TemplateAliasMoved, TemplateAliasRemoved, TemplateArchived, TemplatePublished
from contracts.ids import CustomerId, SessionId, TemplateId, VersionHash
from contracts.providers import PROVIDERS, ProviderName
from contracts.registry import UnknownEvent, decode_data
from contracts.subjects import Log
from contracts.template_version import TemplateVersion, decode_version
from gateway.domain.suspension import Standing

log = structlog.get_logger(__name__)
_KINDS = ("template", "customer", "provider_credential")
_CACHED_VERSIONS = 500
_NS = 1_000_000_000
_GOOD = Standing()


class Catalogue(LogFold):
    """Published version and aliases per template, each customer's standing and providers with a key of its own.

    `caught_up` is set once the past is known.
    """

    def __init__(self, *, event_log: EventLog, objects: ObjectStore) -> None:
        super().__init__(log=event_log, name=Log.CONFIG)
        self._objects = objects
        self._published: dict[tuple[CustomerId, TemplateId], VersionHash] = {}
        self._aliases: dict[tuple[CustomerId, TemplateId], dict[str, list[AliasTarget]]] = {}
        self._standings: dict[CustomerId, Standing] = {}
        self._own_providers: dict[CustomerId, set[str]] = {}
        self._versions: OrderedDict[VersionHash, TemplateVersion] = OrderedDict()

    def published(self, customer: CustomerId, template: TemplateId) -> VersionHash | None:
        """The version that new sessions of a template get."""
        return self._published.get((customer, template))

    def chosen(self, customer: CustomerId, template: TemplateId, alias: str, session: SessionId) -> VersionHash | None:
        """The version that a session gets by an alias: by its id alone, where the alias leads to two."""
        targets = self._aliases.get((customer, template), {}).get(alias)
        return choose(targets, session).version if targets else None

    def standing(self, customer: CustomerId) -> Standing:
        """Whether the customer is suspended, and when it last was."""
        return self._standings.get(customer, _GOOD)

    def own_providers(self, customer: CustomerId) -> list[ProviderName]:
        """The providers at which a customer has a key of its own."""
        own = self._own_providers.get(customer, ())
        return [provider for provider in PROVIDERS if provider in own]

    async def version(self, version: VersionHash) -> TemplateVersion:
        """A published version. Raises ObjectMissing, CorruptVersion, LogFault."""
        if version not in self._versions:
            self._versions[version] = decode_version(await self._objects.get(version), version)
            while len(self._versions) > _CACHED_VERSIONS:
                self._versions.popitem(last=False)
        self._versions.move_to_end(version)
        return self._versions[version]

    def _apply(self, commit: Commit) -> None:
        if commit.subject.split(".")[2] not in _KINDS:
            return
        try:
            for envelope in decode_commit(commit.payload):
                self._evolve(envelope, stored_s=commit.stored_ns / _NS)
        except (InvalidCommit, UnknownEvent, msgspec.ValidationError) as error:
            log.error("config_commit_unreadable", sequence=commit.sequence, error=type(error).__name__)

    def _evolve(self, envelope: Envelope, *, stored_s: float) -> None:
        template = (envelope.customer, TemplateId(envelope.subject))
        match decode_data(envelope):
            case TemplatePublished() as published:
                self._published[template] = published.version
            case TemplateArchived():
                self._published.pop(template, None)
                self._aliases.pop(template, None)
            case TemplateAliasMoved() as moved:
                self._aliases.setdefault(template, {})[moved.alias] = moved.targets
            case TemplateAliasRemoved() as removed:
                self._aliases.get(template, {}).pop(removed.alias, None)
            case CustomerSuspended():
                self._standings[envelope.customer] = Standing(suspended=True, at_s=stored_s, by=envelope.actor)
            case CustomerResumed():
                standing = self.standing(envelope.customer)
                self._standings[envelope.customer] = msgspec.structs.replace(standing, suspended=False)
            case ProviderCredentialCreated():
                self._own_providers.setdefault(envelope.customer, set()).add(envelope.subject)
            case ProviderCredentialRemoved():
                self._own_providers.get(envelope.customer, set()).discard(envelope.subject)
            case _:
                pass
