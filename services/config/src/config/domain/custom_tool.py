"""A custom tool: created, revised, given another secret, archived. The secret itself never comes here, only its id."""

from typing import assert_never, cast

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, NotFound
from contracts.custom_tool import CustomTool
from contracts.events.custom_tool import (
    CustomToolArchived,
    CustomToolCreated,
    CustomToolEvent,
    CustomToolRevised,
    CustomToolSecretReplaced,
)
from contracts.registry import EventData


class Create(msgspec.Struct, frozen=True):
    """Bring the tool into being; `secret` is the id of its signing secret."""

    definition: CustomTool
    secret: str


class Revise(msgspec.Struct, frozen=True):
    """The whole definition as it shall read, and another secret where one is given."""

    definition: CustomTool
    secret: str = ""


class Archive(msgspec.Struct, frozen=True):
    """Take it out of use."""


class Absent(msgspec.Struct, frozen=True):
    """Nothing was written yet."""


class Written(msgspec.Struct, frozen=True):
    """A definition, the id of the secret in force, and whether it is archived."""

    definition: CustomTool
    secret: str
    archived: bool = False


State = Absent | Written
Command = Create | Revise | Archive


class ToolExists(Conflict):
    """A tool of that name is there already, maybe archived."""

    code, title = "tool_exists", "There is a tool of that name"


class ToolArchived(Conflict):
    """An archived tool is not revised."""

    code, title = "tool_archived", "The tool is archived"


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    known = cast(CustomToolEvent, event)
    if isinstance(known, CustomToolCreated):
        return Written(known.definition, known.secret)
    assert isinstance(state, Written)
    match known:
        case CustomToolRevised():
            return msgspec.structs.replace(state, definition=known.definition)
        case CustomToolSecretReplaced():
            return msgspec.structs.replace(state, secret=known.secret)
        case CustomToolArchived():
            return msgspec.structs.replace(state, archived=True)
        case _:
            assert_never(known)


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises NotFound, ToolExists, ToolArchived."""
    match command, state:
        case Create(definition, secret), Absent():
            return [CustomToolCreated(definition=definition, secret=secret)]
        case Create(), Written():
            raise ToolExists
        case _, Absent():
            raise NotFound("no such tool")
        case Archive(), Written(archived=archived):
            return [] if archived else [CustomToolArchived()]
        case Revise(), Written(archived=True):
            raise ToolArchived
        case Revise(definition, secret), Written() as known:
            events: list[EventData] = []
            if definition != known.definition:
                events.append(CustomToolRevised(definition=definition))
            if secret and secret != known.secret:
                events.append(CustomToolSecretReplaced(secret=secret))
            return events
        case _:
            raise AssertionError("commands and states are closed unions")


CUSTOM_TOOL: Decider[Command, EventData, State] = Decider(initial=Absent(), evolve=evolve, decide=decide)
