"""One agent of a session, from its definition. LiveKit honours an agent's id only on a subclass: hence this class."""

from typing import Any, Protocol

from livekit.agents import Agent, llm, tts
from livekit.agents.llm import ChatContext, RawFunctionTool
from livekit.agents.voice import SpeechHandle

from contracts.ids import AgentId
from contracts.template_version import ContextPolicy
from runtime.domain.history import carried

_GREET = "Greet the user in one short sentence and say how you can help."


class Stage(Protocol):
    """Who is told that an agent has taken over; it decides whether the agent greets."""

    async def entered(self, agent: "ConfiguredAgent") -> None:
        """`agent` is in control now."""


class ConfiguredAgent(Agent):
    """Made anew for each time that it takes over; `before` is the agent that it takes over from."""

    def __init__(
        self,
        *,
        id: AgentId,
        instructions: str,
        greeting: str,
        tools: list[RawFunctionTool[..., Any]],
        model: llm.LLM[Any],
        voice: tts.TTS[Any] | None,
        stage: Stage,
        before: Agent | None = None,
        chat_ctx: ChatContext | None = None,
    ) -> None:
        voiced: dict[str, Any] = {} if voice is None else {"tts": voice}
        super().__init__(id=id, instructions=instructions, tools=list(tools), llm=model, chat_ctx=chat_ctx, **voiced)
        self.agent_id = id
        self._greeting, self._stage, self._before = greeting, stage, before

    async def on_enter(self) -> None:
        """LiveKit calls it once the agent is in control."""
        await self._stage.entered(self)

    async def take_over(self, policy: ContextPolicy, last_n: int | None) -> None:
        """Learn what the agent before knew, as far as the policy lets it: its last words are known only now."""
        if self._before is None or policy == "none":
            return
        known = self._before.chat_ctx.copy(
            exclude_instructions=True,
            exclude_function_call=True,
            exclude_handoff=True,
            exclude_config_update=True,
            exclude_empty_message=True,
        )
        self._before = None
        await self.update_chat_ctx(ChatContext(carried(known.items, policy, last_n)))

    def greet(self) -> SpeechHandle:
        """Say the greeting, or have the model find one where the customer wrote none."""
        if self._greeting:
            return self.session.say(self._greeting)
        return self.session.generate_reply(instructions=_GREET)
