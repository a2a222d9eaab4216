"""An API key: issued once, revoked for good. The key itself never comes here, only its keyed hash."""

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, InvalidInput, NotFound
from contracts.events.api_key import ApiKeyIssued, ApiKeyRevoked
from contracts.registry import EventData

SCOPES = frozenset(
    {
        "agents:read",
        "agents:write",
        "templates:read",
        "templates:write",
        "keys:write",
        "sessions:read",
        "sessions:write",
        "panels:write",
    }
)


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """Bring the key into force."""

    digest: str
    hint: str
    scopes: list[str]
    livemode: bool


class Revoke(msgspec.Struct, frozen=True):
    """End it."""


class State(msgspec.Struct, frozen=True):
    """Whether it was issued, and is in force."""

    issued: bool = False
    revoked: bool = False


Command = Issue | Revoke


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    return State(issued=True, revoked=isinstance(event, ApiKeyRevoked) or state.revoked)


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises InvalidInput, Conflict, NotFound."""
    if isinstance(command, Issue):
        if state.issued:
            raise Conflict("this key id is taken")
        unknown = sorted(set(command.scopes) - SCOPES)
        if unknown or not command.scopes:
            raise InvalidInput(f"unknown scopes: {', '.join(unknown)}" if unknown else "a key has at least one scope")
        return [
            ApiKeyIssued(
                digest=command.digest, hint=command.hint, scopes=sorted(command.scopes), livemode=command.livemode
            )
        ]
    if not state.issued:
        raise NotFound("no such API key")
    return [] if state.revoked else [ApiKeyRevoked()]


API_KEY: Decider[Command, EventData, State] = Decider(initial=State(), evolve=evolve, decide=decide)
