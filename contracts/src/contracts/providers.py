"""The providers of models that Baton reaches: their names, where each is by itself, and who pays for what is used.

A base URL is what the provider's plugin takes: Deepgram's is the address of its transcription itself.
"""

from typing import Literal

ProviderName = Literal["openai", "deepgram", "cartesia"]

Payer = Literal["deployment", "customer"]
"""`customer`: the provider's bill goes to the customer, whose own key was used."""

ADDRESSES: dict[ProviderName, str] = {
    "openai": "https://api.openai.com/v1",
    "deepgram": "https://api.deepgram.com/v1/listen",
    "cartesia": "https://api.cartesia.ai",
}
