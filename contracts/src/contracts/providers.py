"""The providers of models that Baton reaches: their names, where each is by itself, and who pays for what is used.

A base URL is what the provider's plugin takes: Deepgram's is the address of its transcription itself.
"""

from typing import Literal, get_args

ProviderName = Literal["openai", "deepgram", "cartesia"]
PROVIDERS: tuple[ProviderName, ...] = get_args(ProviderName)

Payer = Literal["deployment", "customer"]
"""`customer`: the provider's bill goes to the customer, whose own key was used."""

ADDRESSES: dict[ProviderName, str] = {
    "openai": "https://api.openai.com/v1",
    "deepgram": "https://api.deepgram.com/v1/listen",
    "cartesia": "https://api.cartesia.ai",
}


def provider_named(name: str) -> ProviderName | None:
    """The provider of that name; None where this release knows none."""
    return next((known for known in PROVIDERS if known == name), None)
