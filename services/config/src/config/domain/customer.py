"""A customer: created once, with how many sessions may be open at a time."""

import msgspec

from chassis.decider import Decider
from contracts.events.customer import CustomerCreated
from contracts.registry import EventData


class Create(msgspec.Struct, frozen=True):
    """Create the customer; sending it twice is safe."""

    name: str
    max_sessions: int


class State(msgspec.Struct, frozen=True):
    """Whether the customer exists."""

    created: bool = False


def evolve(_state: State, _event: EventData) -> State:
    """State after one event."""
    return State(created=True)


def decide(command: Create, state: State) -> list[EventData]:
    """Events of the command."""
    return [] if state.created else [CustomerCreated(name=command.name, max_sessions=command.max_sessions)]


CUSTOMER: Decider[Create, EventData, State] = Decider(initial=State(), evolve=evolve, decide=decide)
