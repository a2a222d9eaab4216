"""The setting that has config look for providers at the simulators."""

from simulators import Simulators


def provider_urls(simulators: Simulators) -> str:
    """For `provider_urls` of config's settings."""
    found = {
        "openai": simulators.openai_base_url,
        "deepgram": simulators.deepgram_base_url,
        "cartesia": simulators.cartesia_base_url,
    }
    return ",".join(f"{name}={url}" for name, url in found.items())
