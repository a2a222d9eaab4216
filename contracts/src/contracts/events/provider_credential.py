"""A customer's own key at a provider. Its id is the provider's name. `secret` names the key in config's vault.

`hint` is the end of the key, by which its owner knows it; an empty `base_url` is the provider's own address.
"""

from contracts.registry import EventData, event


@event("provider_credential.created")
class ProviderCredentialCreated(EventData, frozen=True, kw_only=True):
    """From now on sessions use this key, and the customer pays the provider."""

    secret: str
    hint: str
    base_url: str = ""


@event("provider_credential.replaced")
class ProviderCredentialReplaced(EventData, frozen=True, kw_only=True):
    """Sessions that start from now on use another key, or another address."""

    secret: str
    hint: str
    base_url: str = ""


@event("provider_credential.removed")
class ProviderCredentialRemoved(EventData, frozen=True, kw_only=True):
    """Sessions that start from now on use the deployment's key, and the deployment pays the provider."""


ProviderCredentialEvent = ProviderCredentialCreated | ProviderCredentialReplaced | ProviderCredentialRemoved
