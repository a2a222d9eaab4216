"""A customer: created, renamed, capped, suspended and resumed, by operators alone."""

from collections.abc import Iterator
from typing import assert_never, cast

import msgspec

from chassis.decider import Decider
from chassis.errors import FieldError, InvalidInput, NotFound
from config.domain.pointers import outside
from contracts.events.customer import (
    DEFAULT_CELL,
    CustomerCapped,
    CustomerCreated,
    CustomerEvent,
    CustomerRenamed,
    CustomerResumed,
    CustomerSuspended,
)
from contracts.ids import is_id
from contracts.registry import EventData

MAX_NAME = 120
MAX_REASON = 200
MAX_SESSIONS = 100_000
MAX_NANO = 2**53 - 1


class Create(msgspec.Struct, frozen=True):
    """Create the customer; of one that is there it changes nothing."""

    name: str
    max_sessions: int
    max_monthly_nano: int | None = None
    cell: str = DEFAULT_CELL


class Rename(msgspec.Struct, frozen=True):
    """Call it otherwise."""

    name: str


class Cap(msgspec.Struct, frozen=True):
    """Set both caps anew; null is no cap on what a month may cost."""

    max_sessions: int
    max_monthly_nano: int | None = None


class Suspend(msgspec.Struct, frozen=True):
    """Let none of its credentials open anything, and end its live sessions."""

    reason: str


class Resume(msgspec.Struct, frozen=True):
    """End the suspension."""


class Absent(msgspec.Struct, frozen=True):
    """Nobody created it."""


class Known(msgspec.Struct, frozen=True):
    """A customer. `suspended` is the reason, None where it is not."""

    name: str
    max_sessions: int
    cell: str
    max_monthly_nano: int | None = None
    suspended: str | None = None


State = Absent | Known
Command = Create | Rename | Cap | Suspend | Resume


class BadCustomer(InvalidInput):
    """The name, a cap or the reason is none that there may be."""

    code, title = "invalid_customer", "There can be no such customer"


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    known = cast(CustomerEvent, event)
    if isinstance(known, CustomerCreated):
        return Known(name=known.name, max_sessions=known.max_sessions, cell=known.cell)
    assert isinstance(state, Known)
    replace = msgspec.structs.replace
    match known:
        case CustomerRenamed():
            return replace(state, name=known.name)
        case CustomerCapped():
            return replace(state, max_sessions=known.max_sessions, max_monthly_nano=known.max_monthly_nano)
        case CustomerSuspended():
            return replace(state, suspended=known.reason)
        case CustomerResumed():
            return replace(state, suspended=None)
        case _:
            assert_never(known)


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises BadCustomer, NotFound."""
    if mistakes := list(_mistakes(command)):
        raise BadCustomer(mistakes[0].detail, errors=mistakes)
    if isinstance(command, Create):
        return _create(command) if isinstance(state, Absent) else []
    if isinstance(state, Absent):
        raise NotFound("no such customer")
    match command:
        case Rename(name):
            return [] if name == state.name else [CustomerRenamed(name=name)]
        case Cap(sessions, nano):
            same = (sessions, nano) == (state.max_sessions, state.max_monthly_nano)
            return [] if same else [CustomerCapped(max_sessions=sessions, max_monthly_nano=nano)]
        case Suspend(reason):
            return [] if reason == state.suspended else [CustomerSuspended(reason=reason)]
        case Resume():
            return [] if state.suspended is None else [CustomerResumed()]
        case _:
            assert_never(command)


def _create(command: Create) -> list[EventData]:
    events: list[EventData] = [CustomerCreated(name=command.name, max_sessions=command.max_sessions, cell=command.cell)]
    if command.max_monthly_nano is not None:
        events.append(CustomerCapped(max_sessions=command.max_sessions, max_monthly_nano=command.max_monthly_nano))
    return events


def _mistakes(command: Command) -> Iterator[FieldError]:
    if isinstance(command, Create | Rename):
        yield from _text("name", command.name, MAX_NAME)
    if isinstance(command, Suspend):
        yield from _text("reason", command.reason, MAX_REASON)
    if isinstance(command, Create | Cap):
        yield from outside("/max_sessions", command.max_sessions, 0, MAX_SESSIONS)
        if command.max_monthly_nano is not None:
            yield from outside("/max_monthly_nano", command.max_monthly_nano, 1, MAX_NANO)
    if isinstance(command, Create) and not is_id(command.cell):
        yield FieldError("/cell", "cell", "the name of a cell is an id")


def _text(field: str, text: str, most: int) -> Iterator[FieldError]:
    if not (text.strip() and text.isprintable() and len(text) <= most):
        yield FieldError(f"/{field}", "text", f"the {field} is 1 to {most} printable characters")


CUSTOMER: Decider[Command, EventData, State] = Decider(initial=Absent(), evolve=evolve, decide=decide)
