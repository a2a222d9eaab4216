"""A template: drafted, revised, published as immutable versions, archived."""

from typing import assert_never, cast

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, NotFound
from contracts.events.template import (
    TemplateArchived,
    TemplateCreated,
    TemplateEvent,
    TemplatePublished,
    TemplateRevised,
)
from contracts.ids import VersionHash
from contracts.registry import EventData
from contracts.template_version import TemplateDraft


class Write(msgspec.Struct, frozen=True):
    """Create the draft, or revise it where `must_exist`."""

    draft: TemplateDraft
    must_exist: bool = False


class Publish(msgspec.Struct, frozen=True):
    """Make `version` the one that new sessions get; it already stands in the object store."""

    version: VersionHash


class Archive(msgspec.Struct, frozen=True):
    """Start no more sessions from it."""


class Absent(msgspec.Struct, frozen=True):
    """Nothing was written yet."""


class Drafted(msgspec.Struct, frozen=True):
    """A draft, and the versions published so far (number of the last, hash of the last)."""

    draft: TemplateDraft
    number: int = 0
    version: VersionHash = VersionHash("")
    archived: bool = False


State = Absent | Drafted
Command = Write | Publish | Archive


class TemplateIsArchived(Conflict):
    """An archived template is neither revised nor published."""

    code, title = "template_archived", "The template is archived"


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
            return msgspec.structs.replace(state, number=known.number, version=known.version)
        case TemplateArchived():
            return msgspec.structs.replace(state, archived=True)
        case _:
            assert_never(known)


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises NotFound or TemplateIsArchived."""
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
        case _:
            assert_never(command)


TEMPLATE: Decider[Command, EventData, State] = Decider(initial=Absent(), evolve=evolve, decide=decide)
