"""A template: drafted, revised, published as immutable versions, restored, archived; and its aliases."""

from typing import assert_never, cast

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, FieldError, InvalidInput, NotFound
from contracts.aliases import ALL, AliasTarget
from contracts.events.template import (
    TemplateAliasMoved,
    TemplateAliasRemoved,
    TemplateArchived,
    TemplateCreated,
    TemplateEvent,
    TemplatePublished,
    TemplateRevised,
)
from contracts.ids import VersionHash
from contracts.registry import EventData
from contracts.template_version import TemplateDraft

MAX_ALIASES = 20
MAX_TARGETS = 2


class Write(msgspec.Struct, frozen=True):
    """Create the draft, or revise it where `must_exist`."""

    draft: TemplateDraft
    must_exist: bool = False


class Publish(msgspec.Struct, frozen=True):
    """Make `version` the one that new sessions get; it already stands in the object store."""

    version: VersionHash


class Restore(msgspec.Struct, frozen=True):
    """Publish version `number` once more, as a new number, and take its `draft` for the draft."""

    number: int
    draft: TemplateDraft


class Share(msgspec.Struct, frozen=True):
    """A version by its number, and its share of new sessions in percent."""

    number: int
    weight: int = ALL


class MoveAlias(msgspec.Struct, frozen=True):
    """Let the alias lead to these versions from now on."""

    alias: str
    shares: list[Share]


class RemoveAlias(msgspec.Struct, frozen=True):
    """Take the alias away."""

    alias: str


class Archive(msgspec.Struct, frozen=True):
    """Start no more sessions from it."""


class Absent(msgspec.Struct, frozen=True):
    """Nothing was written yet."""


class Drafted(msgspec.Struct, frozen=True):
    """A draft, the hashes of the versions published so far (the first has the number 1), and where aliases lead."""

    draft: TemplateDraft
    versions: tuple[VersionHash, ...] = ()
    aliases: dict[str, list[AliasTarget]] = {}
    archived: bool = False

    @property
    def number(self) -> int:
        """Of the last version, 0 before the first."""
        return len(self.versions)

    @property
    def version(self) -> VersionHash:
        """The hash of the last version, empty before the first."""
        return self.versions[-1] if self.versions else VersionHash("")

    def published(self, number: int) -> VersionHash:
        """The hash of version `number`; raises NoSuchVersion."""
        if not 1 <= number <= len(self.versions):
            raise NoSuchVersion(f"there is no version {number}")
        return self.versions[number - 1]


State = Absent | Drafted
Command = Write | Publish | Restore | MoveAlias | RemoveAlias | Archive


class TemplateIsArchived(Conflict):
    """An archived template is neither revised nor published."""

    code, title = "template_archived", "The template is archived"


class NoSuchVersion(NotFound):
    """The template was not published as often."""

    code, title = "unknown_version", "There is no such version of this template"


class NoSuchAlias(NotFound):
    """The template has no alias of that name."""

    code, title = "unknown_alias", "There is no such alias of this template"


class InvalidAliasTargets(InvalidInput):
    """An alias cannot lead there."""

    code, title = "invalid_alias_targets", "The alias cannot lead there"


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    known = cast(TemplateEvent, event)
    if isinstance(known, TemplateCreated):
        return Drafted(known.draft)
    assert isinstance(state, Drafted)
    match known:
        case TemplateRevised():
            return msgspec.structs.replace(state, draft=known.draft)
        case TemplatePublished():
            return msgspec.structs.replace(state, versions=(*state.versions, known.version))
        case TemplateAliasMoved():
            return msgspec.structs.replace(state, aliases={**state.aliases, known.alias: known.targets})
        case TemplateAliasRemoved():
            left = {alias: targets for alias, targets in state.aliases.items() if alias != known.alias}
            return msgspec.structs.replace(state, aliases=left)
        case TemplateArchived():
            return msgspec.structs.replace(state, archived=True)
        case _:
            assert_never(known)


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises NotFound, TemplateIsArchived, NoSuchVersion, NoSuchAlias, InvalidAliasTargets."""
    if isinstance(state, Absent):
        if isinstance(command, Write) and not command.must_exist:
            return [TemplateCreated(draft=command.draft)]
        raise NotFound("no such template")
    match command:
        case Archive():
            return [] if state.archived else [TemplateArchived()]
        case _ if state.archived:
            raise TemplateIsArchived
        case Write(draft):
            return [] if draft == state.draft else [TemplateRevised(draft=draft)]
        case Publish(version):
            return [] if version == state.version else [TemplatePublished(version=version, number=state.number + 1)]
        case Restore():
            return _restored(command, state)
        case MoveAlias():
            return _moved(command, state)
        case RemoveAlias(alias):
            if alias not in state.aliases:
                raise NoSuchAlias(f"there is no alias {alias}")
            return [TemplateAliasRemoved(alias=alias)]
        case _:
            assert_never(command)


def _restored(command: Restore, state: Drafted) -> list[EventData]:
    version = state.published(command.number)
    events: list[EventData] = []
    if command.draft != state.draft:
        events.append(TemplateRevised(draft=command.draft))
    if version != state.version:
        published = TemplatePublished(version=version, number=state.number + 1, restored_from=command.number)
        events.append(published)
    return events


def _moved(command: MoveAlias, state: Drafted) -> list[EventData]:
    if wrong := _wrong_shares(command, state):
        raise InvalidAliasTargets(wrong[0].detail, errors=wrong)
    targets = [
        AliasTarget(number=share.number, version=state.published(share.number), weight=share.weight)
        for share in command.shares
    ]
    if state.aliases.get(command.alias) == targets:
        return []
    return [TemplateAliasMoved(alias=command.alias, targets=targets)]


def _wrong_shares(command: MoveAlias, state: Drafted) -> list[FieldError]:
    wrong = []
    if not 1 <= len(command.shares) <= MAX_TARGETS:
        wrong.append(FieldError("/targets", "length", f"an alias leads to 1 or {MAX_TARGETS} versions"))
    for place, share in enumerate(command.shares):
        if not 1 <= share.number <= state.number:
            wrong.append(FieldError(f"/targets/{place}/number", "unknown_version", f"no version {share.number}"))
        if not 1 <= share.weight <= ALL:
            wrong.append(FieldError(f"/targets/{place}/weight", "out_of_range", f"a weight is 1 to {ALL}"))
    if not wrong and len({share.number for share in command.shares}) < len(command.shares):
        wrong.append(FieldError("/targets", "repeated", "the two versions are the same"))
    if not wrong and sum(share.weight for share in command.shares) != ALL:
        wrong.append(FieldError("/targets", "weights", f"the weights add up to {ALL}"))
    if not wrong and command.alias not in state.aliases and len(state.aliases) >= MAX_ALIASES:
        wrong.append(FieldError("", "too_many", f"a template has at most {MAX_ALIASES} aliases"))
    return wrong


TEMPLATE: Decider[Command, EventData, State] = Decider(initial=Absent(), evolve=evolve, decide=decide)
