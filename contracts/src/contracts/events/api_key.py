"""API keys. The key itself is never here: `digest` is HMAC-SHA-256 (hex) of it under the deployment's pepper."""

from typing import Literal

from contracts.ids import TemplateId
from contracts.registry import EventData, event

KeyKind = Literal["secret", "publishable"]


@event("api_key.issued")
class ApiKeyIssued(EventData, frozen=True, kw_only=True):
    """`scopes` such as `sessions:write`; `livemode` false marks a test key.

    A publishable key stands in a web page and starts sessions only: from `origins`, of `templates`. `expires_at` is
    RFC 3339 UTC, empty for never; `rotated_from` the id of the key that this one replaces, or empty.
    """

    digest: str
    hint: str
    scopes: list[str]
    livemode: bool
    kind: KeyKind = "secret"
    origins: list[str] = []
    templates: list[TemplateId] = []
    expires_at: str = ""
    rotated_from: str = ""


@event("api_key.expiry_set")
class ApiKeyExpirySet(EventData, frozen=True, kw_only=True):
    """From `expires_at` (RFC 3339 UTC) on the key opens nothing; it replaces what was said before."""

    expires_at: str


@event("api_key.revoked")
class ApiKeyRevoked(EventData, frozen=True, kw_only=True):
    """From here the key opens nothing."""


ApiKeyEvent = ApiKeyIssued | ApiKeyExpirySet | ApiKeyRevoked
