"""API keys. The key itself is never here: `digest` is HMAC-SHA-256 (hex) of it under the deployment's pepper."""

from contracts.registry import EventData, event


@event("api_key.issued")
class ApiKeyIssued(EventData, frozen=True, kw_only=True):
    """`scopes` such as `sessions:write`; `livemode` false marks a test key."""

    digest: str
    hint: str
    scopes: list[str]
    livemode: bool


@event("api_key.revoked")
class ApiKeyRevoked(EventData, frozen=True, kw_only=True):
    """From here the key opens nothing."""


ApiKeyEvent = ApiKeyIssued | ApiKeyRevoked
