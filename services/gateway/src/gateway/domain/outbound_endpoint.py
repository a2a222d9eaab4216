"""An endpoint that is told what happens: created, its secret rotated, disabled and enabled, deleted for good."""

from typing import Literal, assert_never

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, NotFound
from contracts.events import webhook as events
from contracts.events.webhook import Summary, Told
from contracts.registry import EventData

Condition = Literal["none", "enabled", "disabled", "deleted"]


class Create(msgspec.Struct, frozen=True, kw_only=True):
    """Begin to tell `url`; `secret` is the id under which its signing secret is kept."""

    url: str
    events: list[Told]
    secret: str
    include: list[Summary] = []


class RotateSecret(msgspec.Struct, frozen=True, kw_only=True):
    """Sign with another secret, and with the last one too until `overlap_until`."""

    secret: str
    overlap_until: str


class Disable(msgspec.Struct, frozen=True, kw_only=True):
    """Tell it nothing more."""

    reason: Literal["gone", "asked"]


class Enable(msgspec.Struct, frozen=True):
    """Tell it again."""


class Delete(msgspec.Struct, frozen=True):
    """End it."""


Command = Create | RotateSecret | Disable | Enable | Delete


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """State. `old_secret` signs too until `overlap_until`."""

    condition: Condition = "none"
    url: str = ""
    events: list[Told] = []
    include: list[Summary] = []
    secret: str = ""
    old_secret: str = ""
    overlap_until: str = ""
    disabled_because: str = ""

    def wants(self, told: Told) -> bool:
        """Whether it is to hear of this."""
        return self.condition == "enabled" and (not self.events or told in self.events)


class NoSuchWebhook(NotFound):
    """No endpoint of this customer has that id."""

    code, title = "unknown_webhook", "There is no such webhook"


def evolve(state: Endpoint, event: EventData) -> Endpoint:
    """State after one event."""
    replace = msgspec.structs.replace
    match event:
        case events.WebhookCreated():
            return Endpoint(
                condition="enabled", url=event.url, events=event.events, include=event.include, secret=event.secret
            )
        case events.WebhookSecretRotated():
            return replace(state, secret=event.secret, old_secret=state.secret, overlap_until=event.overlap_until)
        case events.WebhookDisabled():
            return replace(state, condition="disabled", disabled_because=event.reason)
        case events.WebhookEnabled():
            return replace(state, condition="enabled", disabled_because="")
        case events.WebhookDeleted():
            return replace(state, condition="deleted")
        case _:
            return state


def decide(command: Command, state: Endpoint) -> list[EventData]:
    """The events of a command; none where it was already so. Raises Conflict, NoSuchWebhook."""
    if isinstance(command, Create):
        if state.condition != "none":
            raise Conflict("this webhook id is taken")
        return [
            events.WebhookCreated(
                url=command.url, events=command.events, secret=command.secret, include=command.include
            )
        ]
    if isinstance(command, Delete) and state.condition == "deleted":
        return []
    if state.condition in ("none", "deleted"):
        raise NoSuchWebhook
    match command:
        case RotateSecret():
            return [events.WebhookSecretRotated(secret=command.secret, overlap_until=command.overlap_until)]
        case Disable():
            return [] if state.condition == "disabled" else [events.WebhookDisabled(reason=command.reason)]
        case Enable():
            return [] if state.condition == "enabled" else [events.WebhookEnabled()]
        case Delete():
            return [events.WebhookDeleted()]
        case _:
            assert_never(command)


ENDPOINT: Decider[Command, EventData, Endpoint] = Decider(initial=Endpoint(), evolve=evolve, decide=decide)
