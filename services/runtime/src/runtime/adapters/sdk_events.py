"""What LiveKit's session says happened, as facts. Handlers are sync and only record: the SDK swallows what they raise.

Tool calls are recorded where they run (tools/execution.py), since the SDK's events miss those it cancels. Usage is
taken from each model itself and not from the session, which stops listening before a closing stream has reported.
"""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from livekit.agents import AgentSession, llm, stt, tts
from livekit.agents.llm import AgentHandoff, ChatMessage
from livekit.agents.metrics import LLMMetrics, STTMetrics, TTSMetrics
from livekit.agents.voice.events import (
    CloseEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
    FunctionToolsExecutedEvent,
    UserStateChangedEvent,
)

from chassis.ids import new_id
from contracts.events.turn import AgentSaid, UserSaid, Words
from contracts.events.usage import LlmUsed, SttUsed, TtsUsed
from contracts.ids import AgentId, TurnId
from contracts.providers import Payer
from runtime.adapters.recorder import SessionRecorder
from runtime.domain import transcript

log = structlog.get_logger()


class SdkEvents:
    """Records turns and usage of one session; passes on what the conversation has to decide.

    `payer` says who pays a provider.
    """

    def __init__(
        self,
        recorder: SessionRecorder,
        *,
        payer: Callable[[str], Payer],
        on_tools: Callable[[FunctionToolsExecutedEvent], None],
        on_silence: Callable[[bool], None],
        on_error: Callable[[ErrorEvent], None],
        on_close: Callable[[CloseEvent], None],
    ) -> None:
        self._recorder, self._payer = recorder, payer
        self._on_tools, self._on_silence = on_tools, on_silence
        self._on_error, self._on_close = on_error, on_close
        self._user_metrics: Mapping[str, Any] = {}
        self._said: Callable[[str], None] | None = None
        self.handoff_item = ""
        """LiveKit's id of the latest handoff item, for `handoff.completed`."""

    def attach(self, session: "AgentSession[Any]") -> None:
        """Listen to `session` for its whole life."""
        session.on("conversation_item_added", self._item_added)
        session.on("function_tools_executed", self._on_tools)
        session.on("user_state_changed", self._user_state)
        session.on("error", self._on_error)
        session.on("close", self._on_close)

    def on_said(self, listener: Callable[[str], None]) -> None:
        """Call `listener(text)` with each thing that an agent said; for text sessions, whose answer it is."""
        self._said = listener

    def attach_stt(self, model: stt.STT[Any], *, provider: str, name: str) -> None:
        """Record what `model` transcribes, one fact per report."""

        def used(metrics: STTMetrics) -> None:
            self._recorder.record(
                SttUsed(
                    **self._common(metrics, self._recorder.agent, provider, name),
                    quantities=transcript.stt_quantities(audio_s=metrics.audio_duration),
                )
            )

        model.on("metrics_collected", used)

    def attach_llm(self, model: llm.LLM[Any], *, agent: AgentId, provider: str, name: str) -> None:
        """Record each request of `agent`, also the cancelled ones."""

        def used(metrics: LLMMetrics) -> None:
            quantities = transcript.llm_quantities(
                prompt_tokens=metrics.prompt_tokens,
                cached_tokens=metrics.prompt_cached_tokens,
                output_tokens=metrics.completion_tokens,
            )
            self._recorder.record(LlmUsed(**self._common(metrics, agent, provider, name), quantities=quantities))

        model.on("metrics_collected", used)

    def attach_tts(self, model: tts.TTS[Any], *, agent: AgentId, provider: str, name: str) -> None:
        """Record what is synthesised for `agent`."""

        def used(metrics: TTSMetrics) -> None:
            quantities = transcript.tts_quantities(characters=metrics.characters_count)
            self._recorder.record(TtsUsed(**self._common(metrics, agent, provider, name), quantities=quantities))

        model.on("metrics_collected", used)

    def _common(
        self, metrics: LLMMetrics | STTMetrics | TTSMetrics, agent: AgentId, provider: str, name: str
    ) -> dict[str, Any]:
        reported = (metrics.metadata.model_provider or "") if metrics.metadata else ""
        return {
            "provider": transcript.provider_id(reported, fallback=provider),
            "model": (metrics.metadata.model_name if metrics.metadata else None) or name,
            "agent": agent,
            "turn": self._recorder.turn,
            "request_id": metrics.request_id[:128],
            "payer": self._payer(provider),
        }

    def _item_added(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if isinstance(item, AgentHandoff):
            self.handoff_item = item.id
        elif isinstance(item, ChatMessage) and item.role == "user":
            self._user_said(item)
        elif isinstance(item, ChatMessage) and item.role == "assistant":
            self._agent_said(item)

    def _user_said(self, item: ChatMessage) -> None:
        self._recorder.turn = TurnId(new_id("trn"))
        metrics: Mapping[str, Any] = dict(item.metrics or {})
        self._user_metrics = metrics
        said = UserSaid(
            turn=self._recorder.turn,
            item_id=item.id,
            agent=self._recorder.agent,
            modality="voice" if "transcription_delay" in metrics or "stopped_speaking_at" in metrics else "text",
            duration_ms=transcript.speech_ms(metrics),
            stt_ms=transcript.milliseconds(metrics.get("transcription_delay")),
            eou_ms=transcript.milliseconds(metrics.get("end_of_turn_delay")),
        )
        self._recorder.record(said, Words(text=item.text_content or ""), actor="user")

    def _agent_said(self, item: ChatMessage) -> None:
        text = item.text_content or ""
        if not text:
            return
        latency = transcript.latency(user=self._user_metrics, agent=dict(item.metrics or {}))
        self._user_metrics = {}
        agent = self._recorder.agent
        said = AgentSaid(
            turn=self._recorder.turn,
            item_id=item.id,
            agent=agent,
            interrupted=item.interrupted,
            characters=len(text),
            latency=latency,
        )
        self._recorder.record(said, Words(text=text), actor=agent)
        if self._said is not None:
            self._said(text)

    def _user_state(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "away":
            self._on_silence(True)
        elif event.old_state == "away":
            self._on_silence(False)
