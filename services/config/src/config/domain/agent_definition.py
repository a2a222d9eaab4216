"""An agent definition: created, revised, archived. Its references are checked when a template is published."""

from typing import assert_never, cast

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, InvalidInput, NotFound
from config.domain.agent_rules import own_errors
from contracts.events.agent_definition import (
    AgentDefinitionArchived,
    AgentDefinitionCreated,
    AgentDefinitionEvent,
    AgentDefinitionRevised,
)
from contracts.registry import EventData
from contracts.template_version import AgentDefinition


class Write(msgspec.Struct, frozen=True):
    """Create the definition, or revise it where `must_exist`."""

    definition: AgentDefinition
    must_exist: bool = False


class Archive(msgspec.Struct, frozen=True):
    """Take it out of use."""


class Absent(msgspec.Struct, frozen=True):
    """Nothing was written yet."""


class Written(msgspec.Struct, frozen=True):
    """A definition, and whether it is archived."""

    definition: AgentDefinition
    archived: bool = False


State = Absent | Written
Command = Write | Archive


class DefinitionArchived(Conflict):
    """An archived definition is not revised."""

    code, title = "agent_archived", "The agent definition is archived"


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    known = cast(AgentDefinitionEvent, event)
    match known:
        case AgentDefinitionCreated() | AgentDefinitionRevised():
            return Written(known.definition)
        case AgentDefinitionArchived():
            return Written(state.definition, archived=True) if isinstance(state, Written) else state
        case _:
            assert_never(known)


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises NotFound, DefinitionArchived, InvalidInput."""
    match command, state:
        case Write(definition, must_exist), Absent():
            if must_exist:
                raise NotFound("no such agent definition")
            return [AgentDefinitionCreated(definition=checked(definition))]
        case Write(), Written(archived=True):
            raise DefinitionArchived
        case Write(definition), Written(known):
            return [] if definition == known else [AgentDefinitionRevised(definition=checked(definition))]
        case Archive(), Absent():
            raise NotFound("no such agent definition")
        case Archive(), Written(archived=archived):
            return [] if archived else [AgentDefinitionArchived()]
        case _:
            raise AssertionError("commands and states are closed unions")


def checked(definition: AgentDefinition) -> AgentDefinition:
    """The definition itself, if it holds by itself; raises InvalidInput with every mistake."""
    errors = list(own_errors(definition))
    if errors:
        raise InvalidInput("the agent definition is not valid", errors=errors)
    return definition


AGENT_DEFINITION: Decider[Command, EventData, State] = Decider(initial=Absent(), evolve=evolve, decide=decide)
