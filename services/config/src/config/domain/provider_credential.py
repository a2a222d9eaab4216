"""A customer's own key at a provider: saved, replaced, removed. The key itself never comes here, only its id."""

from typing import assert_never, cast

import msgspec

from chassis.decider import Decider
from chassis.errors import NotFound
from contracts.events.provider_credential import (
    ProviderCredentialCreated,
    ProviderCredentialEvent,
    ProviderCredentialRemoved,
    ProviderCredentialReplaced,
)
from contracts.registry import EventData


class Save(msgspec.Struct, frozen=True):
    """Use this key from now on: the id of the secret, the end of the key, and where it is used."""

    secret: str
    hint: str
    base_url: str = ""


class Remove(msgspec.Struct, frozen=True):
    """Use the deployment's key again."""


class Absent(msgspec.Struct, frozen=True):
    """Nothing was ever saved."""


class Saved(msgspec.Struct, frozen=True):
    """The key in force."""

    secret: str
    hint: str
    base_url: str


class Removed(msgspec.Struct, frozen=True):
    """There was a key."""


State = Absent | Saved | Removed
Command = Save | Remove


def evolve(_state: State, event: EventData) -> State:
    """State after one event."""
    known = cast(ProviderCredentialEvent, event)
    match known:
        case ProviderCredentialCreated() | ProviderCredentialReplaced():
            return Saved(known.secret, known.hint, known.base_url)
        case ProviderCredentialRemoved():
            return Removed()
        case _:
            assert_never(known)


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises NotFound."""
    match command, state:
        case Save(secret, hint, base_url), Saved():
            if Saved(secret, hint, base_url) == state:
                return []
            return [ProviderCredentialReplaced(secret=secret, hint=hint, base_url=base_url)]
        case Save(secret, hint, base_url), _:
            return [ProviderCredentialCreated(secret=secret, hint=hint, base_url=base_url)]
        case Remove(), Saved():
            return [ProviderCredentialRemoved()]
        case Remove(), Removed():
            return []
        case Remove(), Absent():
            raise NotFound("no key of your own was saved for this provider")
        case _:
            raise AssertionError("commands and states are closed unions")


PROVIDER_CREDENTIAL: Decider[Command, EventData, State] = Decider(initial=Absent(), evolve=evolve, decide=decide)
