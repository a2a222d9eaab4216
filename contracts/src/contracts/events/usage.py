"""Measured quantities, one event per request to a provider, never from a cumulative counter.

`quantities` maps a unit to an integer: `input_tokens`, `cached_tokens` (part of the prompt, not also in
`input_tokens`), `output_tokens`, `characters`, `audio_ms`, `calls`. `payer` says whose key was used: the customer's, or
the deployment's.
"""

from contracts.ids import AgentId, TurnId
from contracts.providers import Payer
from contracts.registry import EventData, event


class Usage(EventData, frozen=True, kw_only=True):
    """What every usage event says."""

    provider: str
    model: str
    agent: AgentId
    turn: TurnId
    request_id: str = ""
    quantities: dict[str, int]
    payer: Payer = "deployment"


@event("usage.llm")
class LlmUsed(Usage, frozen=True, kw_only=True):
    """One model request, also one that was cancelled."""


@event("usage.stt")
class SttUsed(Usage, frozen=True, kw_only=True):
    """Audio sent to the transcriber."""


@event("usage.tts")
class TtsUsed(Usage, frozen=True, kw_only=True):
    """Text sent to the synthesiser."""


@event("usage.tool_call")
class ToolCallUsed(Usage, frozen=True, kw_only=True):
    """A metered tool call; `provider` is the tool's host, `model` its name."""


UsageEvent = LlmUsed | SttUsed | TtsUsed | ToolCallUsed
