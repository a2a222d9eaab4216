"""An API key: issued once, given an end, revoked for good. The key itself never comes here, only its keyed hash."""

import re
from datetime import datetime

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, FieldError, InvalidInput, NotFound
from contracts.access import PUBLISHABLE_SCOPES, SCOPES
from contracts.envelope import format_time, parse_time
from contracts.events.api_key import ApiKeyExpirySet, ApiKeyIssued, ApiKeyRevoked, KeyKind
from contracts.ids import TemplateId
from contracts.registry import EventData

MAX_LISTED = 50
_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?\Z")


class BadKey(InvalidInput):
    """The key asked for is none that there may be."""

    code, title = "invalid_key", "There can be no such key"


class KeyIsOver(Conflict):
    """Revoked or expired."""

    code, title = "key_over", "The key is revoked or has expired"


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """Bring the key into force; `now` is when it is asked for. See ApiKeyIssued."""

    digest: str
    hint: str
    scopes: list[str]
    livemode: bool
    kind: KeyKind = "secret"
    origins: list[str] = []
    templates: list[TemplateId] = []
    expires_at: datetime | None = None
    rotated_from: str = ""
    now: datetime | None = None


class Replace(msgspec.Struct, frozen=True):
    """Another key takes its place: this one ends at `at`, or when it would have ended, whichever is first."""

    at: datetime
    now: datetime


class Revoke(msgspec.Struct, frozen=True):
    """End it."""


class State(msgspec.Struct, frozen=True):
    """How it was issued, when it ends by itself, and whether it is revoked."""

    issued: ApiKeyIssued | None = None
    expires_at: str = ""
    revoked: bool = False


Command = Issue | Replace | Revoke


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    match event:
        case ApiKeyIssued():
            return State(issued=event, expires_at=event.expires_at)
        case ApiKeyExpirySet():
            return msgspec.structs.replace(state, expires_at=event.expires_at)
        case ApiKeyRevoked():
            return msgspec.structs.replace(state, revoked=True)
        case _:
            return state


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises BadKey, Conflict, KeyIsOver, NotFound."""
    if isinstance(command, Issue):
        return _issue(command, state)
    if state.issued is None:
        raise NotFound("no such API key")
    if isinstance(command, Revoke):
        return [] if state.revoked else [ApiKeyRevoked()]
    return _replace(command, state)


def _issue(command: Issue, state: State) -> list[EventData]:
    if state.issued is not None:
        raise Conflict("this key id is taken")
    if wrong := _mistakes(command):
        raise BadKey(wrong[0].detail, errors=wrong)
    return [
        ApiKeyIssued(
            digest=command.digest,
            hint=command.hint,
            scopes=sorted(command.scopes),
            livemode=command.livemode,
            kind=command.kind,
            origins=sorted(command.origins),
            templates=sorted(command.templates),
            expires_at=format_time(command.expires_at) if command.expires_at else "",
            rotated_from=command.rotated_from,
        )
    ]


def _replace(command: Replace, state: State) -> list[EventData]:
    ends = parse_time(state.expires_at) if state.expires_at else None
    if state.revoked or (ends is not None and ends <= command.now):
        raise KeyIsOver
    return [] if ends is not None and ends <= command.at else [ApiKeyExpirySet(expires_at=format_time(command.at))]


def _mistakes(command: Issue) -> list[FieldError]:
    found = []
    unknown = sorted(set(command.scopes) - SCOPES)
    if unknown or not command.scopes:
        told = f"unknown scopes: {', '.join(unknown)}" if unknown else "a key has at least one scope"
        found.append(FieldError("/scopes", "scopes", told))
    if command.expires_at is not None and command.now is not None and command.expires_at <= command.now:
        found.append(FieldError("/expires_at", "past", "a key expires in the future"))
    listed = {"origins": command.origins, "templates": [str(id) for id in command.templates]}
    for name, values in listed.items():
        if command.kind == "secret" and values:
            found.append(FieldError(f"/{name}", "only_publishable", f"a secret key has no {name}"))
        elif command.kind == "publishable" and not 1 <= len(values) <= MAX_LISTED:
            found.append(FieldError(f"/{name}", "length", f"a publishable key lists 1 to {MAX_LISTED} {name}"))
    if command.kind == "publishable" and sorted(command.scopes) != PUBLISHABLE_SCOPES:
        found.append(FieldError("/scopes", "only_starts", "a publishable key has the scope sessions:write alone"))
    found += [
        FieldError(f"/origins/{index}", "origin", "an origin is https://host or https://host:port, in lower case")
        for index, origin in enumerate(command.origins)
        if not _ORIGIN.match(origin)
    ]
    return found


API_KEY: Decider[Command, EventData, State] = Decider(initial=State(), evolve=evolve, decide=decide)
