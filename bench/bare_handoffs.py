"""The baseline of P5: the same two agents on the bare SDK, handing over as its own documentation shows.

The same session settings, the same model plugin with one instance per agent, the whole conversation carried over.
"""

import time
from typing import Any

from livekit.agents import Agent, AgentSession, RunContext, function_tool, llm
from livekit.agents.llm import ChatContext, RawFunctionTool
from livekit.agents.utils import http_context
from livekit.agents.voice.events import FunctionToolsExecutedEvent
from livekit.plugins import openai

from bench.handoff_script import AGENTS, ASKED, GREET, INSTRUCTIONS, MODEL, other

_SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string", "maxLength": 2000, "description": "Why, in a sentence."}},
    "required": ["reason"],
    "additionalProperties": False,
}


class _BareAgent(Agent):
    async def on_enter(self) -> None:
        self.session.generate_reply(instructions=GREET)


class BareCall:
    """One session on the bare SDK; `returned` are the Unix times at which its transfer tools returned."""

    def __init__(self, *, base_url: str) -> None:
        self.returned: list[float] = []
        self._models = {
            agent: openai.LLM(model=MODEL, base_url=base_url, api_key="none-needed", max_retries=0) for agent in AGENTS
        }

    async def hold(self, handoffs: int) -> None:
        """Hand over so many times, one after the other."""
        async with http_context.open():
            session: AgentSession[None] = AgentSession(
                vad=None, turn_handling={"turn_detection": "manual"}, user_away_timeout=None, max_tool_steps=5
            )
            session.on("function_tools_executed", _no_reply_to_a_handoff)
            await session.start(self._agent(AGENTS[0]), session_host=False, record=False)
            try:
                for _ in range(handoffs):
                    await session.run(user_input=ASKED)
            finally:
                await session.aclose()
                for model in self._models.values():
                    await model.aclose()

    def _agent(self, id: str, chat_ctx: ChatContext | None = None) -> Agent:
        tools: list[llm.Tool | llm.Toolset] = [self._transfer(other(id))]
        return _BareAgent(id=id, instructions=INSTRUCTIONS, llm=self._models[id], tools=tools, chat_ctx=chat_ctx)

    def _transfer(self, target: str) -> RawFunctionTool[..., Any]:
        async def call(raw_arguments: dict[str, object], context: RunContext[None]) -> Agent:
            known = context.session.current_agent.chat_ctx.copy(
                exclude_instructions=True,
                exclude_function_call=True,
                exclude_handoff=True,
                exclude_config_update=True,
                exclude_empty_message=True,
            )
            agent = self._agent(target, known)
            self.returned.append(time.time())
            return agent

        schema = {
            "name": f"transfer_to_{target}",
            "description": f"Hands the conversation to {target}, who takes over at once.",
            "parameters": _SCHEMA,
        }
        return function_tool(call, raw_schema=schema)


def _no_reply_to_a_handoff(event: FunctionToolsExecutedEvent) -> None:
    if event.has_agent_handoff:
        event.cancel_tool_reply()
