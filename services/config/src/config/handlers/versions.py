"""The versions of a template: listed, read, compared, restored. All of them stand in its stream and the store."""

import msgspec

from chassis.command_handler import Handled
from chassis.event_log import EventLog
from chassis.object_store import ObjectMissing, ObjectStore
from chassis.principal import Principal
from config.domain import template
from config.domain.difference import Change, difference
from config.domain.template import Drafted, NoSuchVersion
from config.handlers.entities import Entities
from contracts.envelope import Envelope, decode_commit
from contracts.events.template import TemplatePublished
from contracts.ids import CustomerId, TemplateId, VersionHash
from contracts.registry import decode_data
from contracts.subjects import Log, config_subject
from contracts.template_version import TemplateVersion, decode_version


class PublishedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One publication. `restored_from` is the number of the version that it repeats, 0 where a draft was published."""

    number: int
    version: VersionHash
    published_at: str
    published_by: str
    restored_from: int = 0


class Versions:
    """Look-ups and commands on published versions. Raises NotFound, NoSuchVersion, the decider's refusals, LogFault."""

    def __init__(self, *, entities: Entities, log: EventLog, objects: ObjectStore) -> None:
        self._entities, self._log, self._objects = entities, log, objects

    async def published(self, customer: CustomerId, id: TemplateId) -> list[PublishedVersion]:
        """All of a template, the last first."""
        await self._drafted(customer, id)
        found = [
            _published(envelope, data)
            async for commit in self._log.read(Log.CONFIG, config_subject(customer, "template", id))
            for envelope in decode_commit(commit.payload)
            if isinstance(data := decode_data(envelope), TemplatePublished)
        ]
        return found[::-1]

    async def content(self, customer: CustomerId, id: TemplateId, number: int) -> tuple[VersionHash, TemplateVersion]:
        """One version, whole."""
        hash = (await self._drafted(customer, id)).published(number)
        try:
            return hash, decode_version(await self._objects.get(hash), hash)
        except ObjectMissing as missing:
            raise NoSuchVersion(f"the content of version {number} is gone") from missing

    async def compare(self, customer: CustomerId, id: TemplateId, before: int, after: int) -> list[Change]:
        """What differs between two versions, by pointer."""
        _, old = await self.content(customer, id, before)
        _, new = await self.content(customer, id, after)
        return difference(old, new)

    async def restore(self, principal: Principal, id: TemplateId, number: int) -> Handled[template.State]:
        """Publish a version once more, as a new number. Its draft becomes the draft; agents keep their definitions."""
        _, version = await self.content(principal.customer, id, number)
        return await self._entities.write_template(principal, id, template.Restore(number, version.draft))

    async def _drafted(self, customer: CustomerId, id: TemplateId) -> Drafted:
        state = (await self._entities.find_template(customer, id)).state
        assert isinstance(state, Drafted)
        return state


def _published(envelope: Envelope, data: TemplatePublished) -> PublishedVersion:
    return PublishedVersion(
        number=data.number,
        version=data.version,
        published_at=envelope.time,
        published_by=envelope.actor,
        restored_from=data.restored_from,
    )
