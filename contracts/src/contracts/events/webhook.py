"""An endpoint of a customer's that is told what happens in its sessions.

`secret` names a signing secret in the gateway's store, where it is sealed; it is never in the log.
"""

from typing import Literal

from contracts.registry import EventData, event

Told = Literal[
    "session.started", "session.ended", "session.failed", "handoff.completed", "tool.failed", "limit.reached"
]
"""What an endpoint may be told of, in the words of the deliveries."""

Summary = Literal["transcript", "cost"]
"""What an endpoint may have with the end of a session, where it asks for it."""


@event("webhook.created")
class WebhookCreated(EventData, frozen=True, kw_only=True):
    """From here on the endpoint is told of `events`; none means all. An end comes with what `include` names."""

    url: str
    events: list[Told]
    secret: str
    include: list[Summary] = []


@event("webhook.secret_rotated")
class WebhookSecretRotated(EventData, frozen=True, kw_only=True):
    """Deliveries are signed with another secret, and with the last one too until `overlap_until` (RFC 3339 UTC)."""

    secret: str
    overlap_until: str


@event("webhook.disabled")
class WebhookDisabled(EventData, frozen=True, kw_only=True):
    """It is told nothing more: it answered that it is `gone`, or its customer `asked` for it."""

    reason: Literal["gone", "asked"]


@event("webhook.enabled")
class WebhookEnabled(EventData, frozen=True, kw_only=True):
    """It is told again, of what happens from here on."""


@event("webhook.deleted")
class WebhookDeleted(EventData, frozen=True, kw_only=True):
    """It is gone for good, with its secrets."""


WebhookEvent = WebhookCreated | WebhookSecretRotated | WebhookDisabled | WebhookEnabled | WebhookDeleted
