"""Summaries of a conversation for the agent that takes it over, by the model of the one that leaves.

Each is one request with a deadline: whoever is in the room waits for it. A failure is no summary, and is not told to
the session, which would apologise for it: hence models of their own, made when first asked for.
"""

import asyncio
from typing import Any

import msgspec
import structlog
from livekit.agents import APIConnectOptions, APIError, llm
from livekit.agents.llm import ChatContext

from contracts.ids import AgentId
from contracts.template_version import TemplateVersion
from runtime.adapters.alternatives import Alternatives
from runtime.adapters.models import Models
from runtime.adapters.sdk_events import SdkEvents
from runtime.domain.briefing import SUMMARISE, bounded, transcript

log = structlog.get_logger()

SUMMARY_S = 3.0
MAX_TOKENS = 300


class Summaries:
    """The summaries of one session; what they use is recorded as their agents'."""

    def __init__(self, *, version: TemplateVersion, models: Models, sdk_events: SdkEvents) -> None:
        self._version, self._alternatives = version, Alternatives(models=models, sdk_events=sdk_events)
        self._llms: dict[AgentId, llm.LLM[Any]] = {}

    async def of(self, agent: AgentId, known: ChatContext) -> str:
        """What `agent` knows, in at most MAX_SUMMARY characters; empty where that took longer than SUMMARY_S."""
        messages = [one for one in known.messages() if one.role in ("user", "assistant")]
        said = transcript((one.role, one.text_content or "") for one in messages)
        if not said:
            return ""
        try:
            async with asyncio.timeout(SUMMARY_S):
                return bounded(await self._asked(agent, said))
        except (APIError, TimeoutError) as error:
            log.warning("summary_failed", agent=agent, fault=type(error).__name__)
            return ""

    async def aclose(self) -> None:
        """Close every model, so that its last usage is reported."""
        await self._alternatives.aclose()

    async def _asked(self, agent: AgentId, said: str) -> str:
        context = ChatContext()
        context.add_message(role="system", content=SUMMARISE)
        context.add_message(role="user", content=said)
        once = APIConnectOptions(max_retry=0, timeout=SUMMARY_S)
        text = ""
        async with self._llm(agent).chat(chat_ctx=context, conn_options=once) as stream:
            async for chunk in stream:
                text += (chunk.delta.content or "") if chunk.delta else ""
        return text

    def _llm(self, agent: AgentId) -> llm.LLM[Any]:
        if agent not in self._llms:
            choice = self._version.agent(agent).llm
            most = min(MAX_TOKENS, choice.max_output_tokens or MAX_TOKENS)
            brief = msgspec.structs.replace(choice, max_output_tokens=most)
            self._llms[agent] = self._alternatives.llm(brief, agent=agent)
        return self._llms[agent]
