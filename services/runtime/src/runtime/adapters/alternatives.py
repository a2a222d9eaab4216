"""Models with those that stand in for them, as a choice orders them.

The SDK's adapters do the standing in. Each model is metered for itself, since an adapter does not say who answered, and
closed for itself, since an adapter does not close those that it was given. What an adapter asks of a model that failed,
to see whether it is well again, is a request like any other, and is metered too.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import structlog
from livekit.agents import llm, stt, tts

from contracts.ids import AgentId
from contracts.template_version import LlmChoice, SttChoice, VoiceChoice
from runtime.adapters.models import Models
from runtime.adapters.sdk_events import SdkEvents

log = structlog.get_logger()

ATTEMPT_S = 5.0
"""How long a model may be silent before the next one is asked: somebody is waiting for an answer."""

Made = llm.LLM[Any] | tts.TTS[Any] | stt.STT[Any]
A = TypeVar("A", bound=Made)


class Alternatives:
    """The models of one session."""

    def __init__(self, *, models: Models, sdk_events: SdkEvents) -> None:
        self._models, self._sdk_events = models, sdk_events
        self._adapters: list[Made] = []
        self._made: list[Made] = []

    def llm(self, choice: LlmChoice, *, agent: AgentId) -> llm.LLM[Any]:
        """An agent's model."""
        made: list[llm.LLM[Any]] = []
        for one in choice.in_order():
            model = self._models.llm(one)
            self._sdk_events.attach_llm(model, agent=agent, provider=one.provider, name=one.model)
            made.append(model)
        self._made += made
        return made[0] if len(made) == 1 else self._adapter(llm.FallbackAdapter(made, attempt_timeout=ATTEMPT_S))

    def voice(self, choice: VoiceChoice, *, agent: AgentId, language: str, speed: float | None) -> tts.TTS[Any] | None:
        """An agent's voice; None in text."""
        made: list[tts.TTS[Any]] = []
        for one in choice.in_order():
            voice = self._models.tts(one, language=language, speed=speed)
            if voice is None:
                return None
            self._sdk_events.attach_tts(voice, agent=agent, provider=one.provider, name=one.model)
            made.append(voice)
        self._made += made
        return made[0] if len(made) == 1 else self._adapter(tts.FallbackAdapter(made, max_retry_per_tts=0))

    def transcriber(self, choice: SttChoice, *, keyterms: Sequence[str]) -> stt.STT[Any] | None:
        """A transcriber; None in text."""
        made: list[stt.STT[Any]] = []
        for one in choice.in_order():
            transcriber = self._models.stt(one, keyterms=keyterms)
            if transcriber is None:
                return None
            self._sdk_events.attach_stt(transcriber, provider=one.provider, name=one.model)
            made.append(transcriber)
        self._made += made
        if len(made) == 1:
            return made[0]
        return self._adapter(stt.FallbackAdapter(made, attempt_timeout=ATTEMPT_S, max_retry_per_stt=0))

    async def aclose(self) -> None:
        """Close every model, so that its last usage is reported."""
        for one in [*self._adapters, *self._made]:
            await one.aclose()

    def _adapter(self, adapter: A) -> A:
        """Keep the adapter of several models; say in the log when one of them fails, or is well again."""
        for kind in ("llm", "tts", "stt"):
            adapter.on(f"{kind}_availability_changed", lambda event, kind=kind: _changed(kind, event))
        self._adapters.append(adapter)
        return adapter


def _changed(kind: str, event: Any) -> None:
    model = getattr(event, kind).model
    log.warning("model_availability_changed", kind=kind, model=model, available=event.available)
