"""A customer's own limits: each change is a version of the whole, from which the gateway admits at once."""

from collections.abc import Iterator

import msgspec

from chassis.decider import Decider
from chassis.errors import FieldError, InvalidInput
from contracts.events.limits import LimitsSet
from contracts.limits import CustomerLimits
from contracts.registry import EventData


class InvalidLimits(InvalidInput):
    """Limits that contradict one another."""

    code, title = "invalid_limits", "The limits do not fit together"


class Set(msgspec.Struct, frozen=True):
    """Let the limits be these."""

    limits: CustomerLimits


class State(msgspec.Struct, frozen=True):
    """The limits, and the number of their version: 0 before any were set."""

    number: int = 0
    limits: CustomerLimits = CustomerLimits()


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    return State(event.number, event.limits) if isinstance(event, LimitsSet) else state


def decide(command: Set, state: State) -> list[EventData]:
    """Events of the command; none where they are so already. Raises InvalidLimits."""
    if wrong := list(_wrong(command.limits)):
        raise InvalidLimits(wrong[0].detail, errors=wrong)
    if state.number and command.limits == state.limits:
        return []
    return [LimitsSet(number=state.number + 1, limits=command.limits)]


def _wrong(limits: CustomerLimits) -> Iterator[FieldError]:
    said = limits.session_budget_nano
    for name in ("max_session_budget_nano", "monthly_budget_nano"):
        most = getattr(limits, name)
        if said is not None and most is not None and said > most:
            yield FieldError("/session_budget_nano", "out_of_range", f"session_budget_nano is more than {name}")


LIMITS: Decider[Set, EventData, State] = Decider(initial=State(), evolve=evolve, decide=decide)
