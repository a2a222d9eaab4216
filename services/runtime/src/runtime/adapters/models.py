"""The models of a session: what the template chose, at the providers or wherever their base URLs lead.

A base URL without a key means a simulator or a proxy that asks for none, so a stand-in key is sent. Nothing here opens
a connection before it is used, except what the plugins warm up by themselves. Fallbacks are not made here
(alternatives.py): each model stands for itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from livekit.agents import inference, llm, stt, tts, vad
from livekit.plugins import cartesia, deepgram, openai
from msgspec import UNSET

from chassis.guarded_addresses import Permission
from contracts.commands.secrets import ProviderCredential
from contracts.providers import Payer, ProviderName, provider_named
from contracts.template_version import LlmChoice, SttChoice, TemplateDraft, VoiceChoice
from runtime.adapters.own_clients import OwnClients

_NO_KEY = "none-needed"
#: Seconds of silence after which a turn may end: at least, where the detector is sure; at most, where it is not.
_ENDPOINTING = {"mode": "fixed", "min_delay": 0.3, "max_delay": 1.2}
#: How long the end waits for words still being transcribed; the SDK's own 2 s would delay every end by as much.
_LAST_TRANSCRIPT_S = 0.5


class Provider(msgspec.Struct, frozen=True):
    """Where a provider is, and the key for it; both may be empty. `payer` is whose key it is."""

    base_url: str = ""
    key: str = ""
    payer: Payer = "deployment"

    def options(self) -> dict[str, str]:
        """Keyword arguments of a plugin; what is left out, the plugin takes from its own defaults."""
        key = self.key or (_NO_KEY if self.base_url else "")
        named = {"base_url": self.base_url, "api_key": key}
        return {name: value for name, value in named.items() if value}


class Providers(msgspec.Struct, frozen=True, kw_only=True):
    """All providers, by the plain names of their variables (OPENAI_BASE_URL, OPENAI_API_KEY …)."""

    openai: Provider = Provider()
    deepgram: Provider = Provider()
    cartesia: Provider = Provider()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Providers":
        """Read once, at the start of a process."""

        def of(name: str) -> Provider:
            return Provider(environment.get(f"{name}_BASE_URL", ""), environment.get(f"{name}_API_KEY", ""))

        return cls(openai=of("OPENAI"), deepgram=of("DEEPGRAM"), cartesia=of("CARTESIA"))

    def with_keys(self, credentials: Mapping[ProviderName, ProviderCredential], *, payer: Payer) -> "Providers":
        """These, with other keys in their place where there are any."""
        others: dict[str, Any] = {
            name: Provider(credential.base_url, credential.key, payer) for name, credential in credentials.items()
        }
        return msgspec.structs.replace(self, **others)

    def payer(self, provider: str) -> Payer:
        """Who pays a provider."""
        name = provider_named(provider)
        found: Provider | None = getattr(self, name) if name else None
        return found.payer if found else "deployment"


class Models(Protocol):
    """What a session thinks, hears and speaks with. A choice's fallbacks are not looked at."""

    def payer(self, provider: str) -> Payer:
        """Who pays a provider for what is made here."""

    def llm(self, choice: LlmChoice) -> llm.LLM[Any]:
        """An agent's model."""

    def tts(self, choice: VoiceChoice, *, language: str, speed: float | None = None) -> tts.TTS[Any] | None:
        """An agent's voice, `speed` times as fast as it would be; None in text."""

    def stt(self, choice: SttChoice, *, keyterms: Sequence[str] = ()) -> stt.STT[Any] | None:
        """A transcriber that listens for `keyterms`; None in text."""

    def session_options(self, draft: TemplateDraft) -> dict[str, Any]:
        """What else AgentSession needs: VAD and the handling of turns."""

    async def aclose(self) -> None:
        """After the last model was closed."""


class TextModels:
    """The model alone: text in, text out. `traceparent` goes with each request.

    `allow` lets customers' own keys be used on this very machine: for development.
    """

    def __init__(self, *, providers: Providers, traceparent: str = "", allow: Permission | None = None) -> None:
        self._providers, self._traceparent = providers, traceparent
        self._own = OwnClients(allow=allow)

    def payer(self, provider: str) -> Payer:
        """See Models."""
        return self._providers.payer(provider)

    def llm(self, choice: LlmChoice) -> llm.LLM[Any]:
        """See Models."""
        provider = self._providers.openai
        options: dict[str, Any] = dict(provider.options())
        if provider.payer == "customer":
            options = {"client": self._own.openai(base_url=provider.base_url, key=provider.key)}
        if choice.temperature is not None:
            options["temperature"] = choice.temperature
        if choice.max_output_tokens:
            options["max_completion_tokens"] = choice.max_output_tokens
        if choice.top_p is not UNSET:
            options["top_p"] = choice.top_p
        if choice.parallel_tool_calls is not UNSET:
            options["parallel_tool_calls"] = choice.parallel_tool_calls
        if self._traceparent:
            options["extra_headers"] = {"traceparent": self._traceparent}
        return openai.LLM(model=choice.model, max_retries=0, **options)

    def tts(self, choice: VoiceChoice, *, language: str, speed: float | None = None) -> tts.TTS[Any] | None:
        """None: nothing is spoken."""
        return None

    def stt(self, choice: SttChoice, *, keyterms: Sequence[str] = ()) -> stt.STT[Any] | None:
        """None: nothing is heard."""
        return None

    def session_options(self, draft: TemplateDraft) -> dict[str, Any]:
        """Turns are whole texts."""
        return {"vad": None, "turn_handling": {"turn_detection": "manual"}, "user_away_timeout": None}

    async def aclose(self) -> None:
        """See Models."""
        await self._own.aclose()


class VoiceModels(TextModels):
    """Model, transcriber and voices; the VAD is the process's own, loaded once."""

    def __init__(
        self,
        *,
        providers: Providers,
        voice_activity: vad.VAD,
        traceparent: str = "",
        allow: Permission | None = None,
    ) -> None:
        super().__init__(providers=providers, traceparent=traceparent, allow=allow)
        self._vad = voice_activity

    def tts(self, choice: VoiceChoice, *, language: str, speed: float | None = None) -> tts.TTS[Any] | None:
        """See Models."""
        options = self._options(self._providers.cartesia)
        if speed is not None:
            options["speed"] = speed
        return cartesia.TTS(model=choice.model, voice=choice.voice, language=language.split("-")[0], **options)

    def stt(self, choice: SttChoice, *, keyterms: Sequence[str] = ()) -> stt.STT[Any] | None:
        """See Models."""
        options = self._options(self._providers.deepgram)
        if keyterms:
            options["keyterm"] = list(keyterms)
        return deepgram.STT(model=choice.model, language=choice.language, **options)

    def session_options(self, draft: TemplateDraft) -> dict[str, Any]:
        """The detector is pinned to the local model: left alone, the SDK would ask LiveKit's cloud in some modes."""
        return {
            "vad": self._vad,
            "turn_handling": {
                "turn_detection": inference.TurnDetector(version="v1-mini"),
                "endpointing": dict(_ENDPOINTING),
                "interruption": {"mode": "vad"},
                "preemptive_generation": {"enabled": draft.preemptive_generation},
            },
            "user_away_timeout": float(draft.limits.away_timeout_s) or None,
            "session_close_transcript_timeout": _LAST_TRANSCRIPT_S,
        }

    def _options(self, provider: Provider) -> dict[str, Any]:
        options: dict[str, Any] = dict(provider.options())
        if provider.payer == "customer":
            options["http_session"] = self._own.session()
        return options
