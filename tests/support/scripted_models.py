"""A model that answers by a function, for tests that need a certain batch of tool calls."""

from collections.abc import Callable, Sequence
from typing import Any

from livekit.agents import llm, stt, tts
from livekit.agents.llm import ChatChunk, ChatContext, ChoiceDelta, FunctionToolCall
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from contracts.template_version import LlmChoice, SttChoice, VoiceChoice
from runtime.adapters.models import Providers, TextModels

Reply = str | list[FunctionToolCall] | Exception
Script = Callable[[ChatContext, list[str]], Reply]
"""From the chat context and the names of the offered tools to a text, tool calls, or a failure."""


def call(name: str, arguments: str = "{}", *, id: str = "") -> FunctionToolCall:
    """A tool call; its id is its name unless given."""
    return FunctionToolCall(name=name, arguments=arguments, call_id=id or f"call_{name}")


class ScriptedModels(TextModels):
    """In place of the providers; `requests` counts what was asked."""

    def __init__(self, script: Script) -> None:
        super().__init__(providers=Providers())
        self._script = script
        self.requests = 0

    def llm(self, choice: LlmChoice) -> llm.LLM[Any]:
        """The scripted model."""
        return _Scripted(self)

    def tts(self, choice: VoiceChoice, *, language: str, speed: float | None = None) -> tts.TTS[Any] | None:
        """Nothing is spoken."""
        return None

    def stt(self, choice: SttChoice, *, keyterms: Sequence[str] = ()) -> stt.STT[Any] | None:
        """Nothing is heard."""
        return None

    def reply(self, context: ChatContext, tools: list[str]) -> Reply:
        """What the script says."""
        self.requests += 1
        return self._script(context, tools)


class _Scripted(llm.LLM[Any]):
    def __init__(self, models: ScriptedModels) -> None:
        super().__init__()
        self.models = models

    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_more: Any,
    ) -> llm.LLMStream:
        return _Stream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Stream(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, _Scripted)
        reply = self._llm.models.reply(self._chat_ctx, sorted(llm.ToolContext(self._tools).function_tools))
        if isinstance(reply, Exception):
            raise reply
        delta = ChoiceDelta(role="assistant")
        delta = ChoiceDelta(role="assistant", content=reply) if isinstance(reply, str) else delta
        if isinstance(reply, list):
            delta = ChoiceDelta(role="assistant", tool_calls=reply)
        self._event_ch.send_nowait(ChatChunk(id="request", delta=delta))
        usage = llm.CompletionUsage(completion_tokens=1, prompt_tokens=2, total_tokens=3)
        self._event_ch.send_nowait(ChatChunk(id="request", usage=usage))
