"""One login of a member: opened once, ended once."""

from typing import assert_never

import msgspec

from chassis.decider import Decider
from chassis.errors import NotFound
from contracts.events.login import LoginEnd, LoginEnded, LoginOpened, Proof
from contracts.ids import MemberId
from contracts.registry import EventData


class Open(msgspec.Struct, frozen=True):
    """Let the member in, who has shown who it is."""

    member: MemberId
    by: Proof


class End(msgspec.Struct, frozen=True):
    """Let it in no more."""

    why: LoginEnd


class State(msgspec.Struct, frozen=True):
    """Whose it is, None before it is opened; and whether it is over."""

    member: MemberId | None = None
    over: bool = False


Command = Open | End


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    match event:
        case LoginOpened(member=member):
            return State(member)
        case LoginEnded():
            return State(state.member, over=True)
        case _:
            return state


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises NotFound."""
    match command:
        case Open(member, by):
            return [] if state.member else [LoginOpened(member=member, by=by)]
        case End(why):
            if state.member is None:
                raise NotFound("no such login")
            return [] if state.over else [LoginEnded(member=state.member, why=why)]
        case _:
            assert_never(command)


LOGIN: Decider[Command, EventData, State] = Decider(initial=State(), evolve=evolve, decide=decide)
