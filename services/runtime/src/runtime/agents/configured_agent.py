"""One agent of a session, from its definition. LiveKit honours an agent's id only on a subclass: hence this class."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, Protocol

from livekit import rtc
from livekit.agents import Agent, FlushSentinel, ModelSettings, llm, stt, tts
from livekit.agents.llm import ChatContext, ChatMessage, RawFunctionTool
from livekit.agents.voice import SpeechHandle

from contracts.ids import AgentId
from contracts.template_version import ContextPolicy
from runtime.domain.briefing import Briefing, told
from runtime.domain.history import carried
from runtime.domain.panel_attach import PanelAttachments
from runtime.domain.pronunciation import Pronouncer

_GREET = "Greet the user in one short sentence and say how you can help."


class Stage(Protocol):
    """Who is told that an agent has taken over; it decides whether the agent greets."""

    async def entered(self, agent: "ConfiguredAgent") -> None:
        """`agent` is in control now."""


class ConfiguredAgent(Agent):
    """Made anew for each time that it takes over; `before` is the agent that it takes over from.

    `briefing` is what that agent tells it beside what was said; it stays with this agent.
    """

    def __init__(
        self,
        *,
        id: AgentId,
        instructions: str,
        greeting: str,
        tools: list[RawFunctionTool[..., Any]],
        model: llm.LLM[Any],
        voice: tts.TTS[Any] | None,
        transcriber: stt.STT[Any] | None = None,
        pronunciations: Mapping[str, str] | None = None,
        attachments: PanelAttachments | None = None,
        stage: Stage,
        before: Agent | None = None,
        briefing: Briefing | None = None,
        chat_ctx: ChatContext | None = None,
    ) -> None:
        voiced: dict[str, Any] = {} if voice is None else {"tts": voice}
        if transcriber is not None:
            voiced["stt"] = transcriber
        super().__init__(id=id, instructions=instructions, tools=list(tools), llm=model, chat_ctx=chat_ctx, **voiced)
        self.agent_id = id
        self.briefing = briefing or Briefing()
        self._pronunciations, self._attachments = pronunciations or {}, attachments
        self._greeting, self._stage, self._before = greeting, stage, before

    async def on_enter(self) -> None:
        """LiveKit calls it once the agent is in control."""
        await self._stage.entered(self)

    def llm_node(
        self, chat_ctx: ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncIterable[llm.ChatChunk | str | FlushSentinel]:
        """LiveKit's own, told what the panels hold where the definition has it so; the history stays as it is."""
        return Agent.default.llm_node(self, self._with_panels(chat_ctx), tools, model_settings)

    def _with_panels(self, chat_ctx: ChatContext) -> ChatContext:
        if self._attachments is None:
            return chat_ctx
        turns = [place for place, item in enumerate(chat_ctx.items) if item.type == "message" and item.role == "user"]
        text = self._attachments.text([chat_ctx.items[place].id for place in turns])
        if not text:
            return chat_ctx
        told = chat_ctx.copy()
        told.items.insert(turns[-1], ChatMessage(role="user", content=[text]))
        return told

    def tts_node(self, text: AsyncIterable[str], model_settings: ModelSettings) -> AsyncIterable[rtc.AudioFrame]:
        """LiveKit's own, given the words as they shall sound; the transcript keeps them as they are written."""
        said = _pronounced(text, Pronouncer(self._pronunciations)) if self._pronunciations else text
        return Agent.default.tts_node(self, said, model_settings)

    async def take_over(self, policy: ContextPolicy, last_n: int | None) -> None:
        """Learn what the agent before knew, as far as the policy lets it: its last words are known only now."""
        briefed = told(self.briefing)
        if self._before is None or (policy == "none" and not briefed):
            return
        known = self._before.chat_ctx.copy(
            exclude_instructions=True,
            exclude_function_call=True,
            exclude_handoff=True,
            exclude_config_update=True,
            exclude_empty_message=True,
        )
        self._before = None
        items = carried(known.items, policy, last_n, summary=self.briefing.summary)
        if briefed:
            items.append(ChatMessage(role="system", content=[briefed]))
        await self.update_chat_ctx(ChatContext(items))

    def greet(self) -> SpeechHandle:
        """Say the greeting, or have the model find one where the customer wrote none."""
        if self._greeting:
            return self.session.say(self._greeting)
        return self.session.generate_reply(instructions=_GREET)


async def _pronounced(text: AsyncIterable[str], pronouncer: Pronouncer) -> AsyncIterator[str]:
    async for chunk in text:
        if ready := pronouncer.push(chunk):
            yield ready
    if rest := pronouncer.flush():
        yield rest
