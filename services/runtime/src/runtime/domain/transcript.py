"""What is made of the SDK's numbers: seconds to integer milliseconds, metrics to quantities, labels to providers.

Pure. The SDK's objects stay in adapters; here are plain mappings and numbers.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from contracts.events.turn import Latency

Quantities = dict[str, int]


def milliseconds(seconds: object) -> int | None:
    """Whole milliseconds; None for what was not measured (absent, or the SDK's -1)."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        return None
    return round(seconds * 1000)


def latency(*, user: Mapping[str, object], agent: Mapping[str, object]) -> Latency:
    """The stages of one reply, from the metrics of the participant's message and of the agent's (MetricsReport)."""
    return Latency(
        stt=milliseconds(user.get("transcription_delay")),
        eou=milliseconds(user.get("end_of_turn_delay")),
        llm_ttft=milliseconds(agent.get("llm_node_ttft")),
        tts_ttfb=milliseconds(agent.get("tts_node_ttfb")),
        e2e=milliseconds(agent.get("e2e_latency")),
    )


def speech_ms(metrics: Mapping[str, object]) -> int | None:
    """How long somebody spoke, from the wall-clock marks of a message; None for what was typed."""
    started, stopped = metrics.get("started_speaking_at"), metrics.get("stopped_speaking_at")
    if not isinstance(started, int | float) or not isinstance(stopped, int | float):
        return None
    return milliseconds(stopped - started)


def llm_quantities(*, prompt_tokens: int, cached_tokens: int, output_tokens: int) -> Quantities:
    """Cached tokens are part of the prompt and are priced apart, so they leave `input_tokens`."""
    return {
        "input_tokens": max(0, prompt_tokens - cached_tokens),
        "cached_tokens": cached_tokens,
        "output_tokens": output_tokens,
    }


def stt_quantities(*, audio_s: float) -> Quantities:
    """Audio that was sent to the transcriber."""
    return {"audio_ms": milliseconds(audio_s) or 0}


def tts_quantities(*, characters: int) -> Quantities:
    """Text that was sent to the synthesiser."""
    return {"characters": characters}


_KNOWN_PROVIDERS = ("openai", "deepgram", "cartesia", "elevenlabs", "anthropic", "google", "groq", "azure")


def provider_id(label: str, *, fallback: str) -> str:
    """The id under which a provider is priced.

    The OpenAI plugin reports the host of its base URL, Deepgram and Cartesia a capitalised name; behind a proxy or a
    simulator the host says nothing, and the template's choice (`fallback`) does.
    """
    host = urlsplit(f"//{label}").hostname or label
    words = host.lower().replace("-", ".").split(".")
    return next((name for name in _KNOWN_PROVIDERS if name in words), fallback)
