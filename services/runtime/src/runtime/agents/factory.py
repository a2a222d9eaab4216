"""From a template version to agents: each with its own instructions, model, voice and tools.

Models are made once per agent and shared by its instances, so that a handoff opens no connection; a transcriber is one
for all agents that choose alike (a second instance would cut the audio stream at each handoff).
"""

from collections.abc import Callable
from typing import Any

import structlog
from livekit.agents import Agent, llm, stt, tts
from livekit.agents.llm import ChatContext

from chassis.clock import Clock
from contracts.ids import AgentId, PanelId
from contracts.panels.kind import PanelKind
from contracts.template_version import AgentDefinition, SttChoice, TemplateVersion
from runtime.adapters.alternatives import Alternatives
from runtime.adapters.mcp_servers import McpServers
from runtime.adapters.models import Models
from runtime.adapters.outside import Outside
from runtime.adapters.recorder import SessionRecorder
from runtime.adapters.sdk_events import SdkEvents
from runtime.agents.configured_agent import ConfiguredAgent, Stage
from runtime.domain.briefing import Briefing
from runtime.domain.context import SessionContext
from runtime.domain.panel_attach import PanelAttachments
from runtime.domain.texts import filled
from runtime.panel_desk import PanelDesk
from runtime.tools.builtin import builtin_tools
from runtime.tools.custom import custom_tools
from runtime.tools.execution import Call, Tool, ToolRunner
from runtime.tools.flags import flag_tools
from runtime.tools.handoff import Transfers
from runtime.tools.knowledge import knowledge_tool
from runtime.tools.mcp import mcp_tools
from runtime.tools.panels import panel_tools

log = structlog.get_logger()


class AgentFactory:
    """Makes the agents of one session."""

    def __init__(
        self,
        *,
        version: TemplateVersion,
        kinds: dict[PanelId, PanelKind],
        models: Models,
        recorder: SessionRecorder,
        sdk_events: SdkEvents,
        transfers: Transfers,
        desk: PanelDesk,
        context: SessionContext,
        clock: Clock,
        stage: Stage,
        end_after: Callable[[Call], None],
        outside: Outside | None,
    ) -> None:
        self._version, self._kinds, self._clock = version, kinds, clock
        self._recorder, self._transfers = recorder, transfers
        self._alternatives = Alternatives(models=models, sdk_events=sdk_events)
        self._desk, self._context, self._stage = desk, context, stage
        self.mcp = McpServers(version.mcp_servers or {}, outside=outside, clock=clock)
        self._named = {
            **custom_tools(version.tools or {}, outside=outside, recorder=recorder, clock=clock),
            **mcp_tools(version.mcp_servers or {}, servers=self.mcp, recorder=recorder),
            **builtin_tools(recorder=recorder, context=context, end_after=end_after),
            **flag_tools(version.draft.flags or {}, recorder=recorder, context=context),
        }
        self._library = outside.library if outside else None
        self._llms: dict[AgentId, llm.LLM[Any]] = {}
        self._voices: dict[AgentId, tts.TTS[Any]] = {}
        self._transcribers: dict[SttChoice, stt.STT[Any]] = {}

    def transcriber(self) -> stt.STT[Any] | None:
        """The session's own STT; None where the session is in text."""
        return self._transcriber(self._version.draft.stt)

    def build(
        self,
        id: AgentId,
        *,
        before: Agent | None = None,
        briefing: Briefing | None = None,
        chat_ctx: ChatContext | None = None,
    ) -> ConfiguredAgent:
        """An agent of the version, ready to take over. Raises KeyError."""
        definition = self._version.agent(id)
        runner = ToolRunner(recorder=self._recorder, clock=self._clock, agent=id)
        return ConfiguredAgent(
            id=id,
            instructions="\n\n".join([self._filled(definition.instructions), *_briefing(self._context)]),
            greeting=self._filled(definition.greeting),
            tools=[runner.livekit_tool(tool) for tool in self._tools(definition)],
            model=self._llm(id, definition),
            voice=self._voice(id, definition),
            transcriber=self._transcriber(self._version.draft.transcribed_for(definition)),
            pronunciations=definition.speech.pronunciations if definition.speech else {},
            attachments=self._attachments(definition),
            stage=self._stage,
            before=before,
            briefing=briefing,
            chat_ctx=chat_ctx,
        )

    async def aclose(self) -> None:
        """Close every model, so that their last usage is reported; and leave every MCP server."""
        await self._alternatives.aclose()
        await self.mcp.aclose()

    def _tools(self, definition: AgentDefinition) -> list[Tool]:
        kinds = [self._kinds[panel] for panel in definition.panels if panel in self._kinds]
        offered = {**self._named, **self._knowledge(definition)}
        named = [offered[name] for name in definition.tools if name in offered]
        if unknown := set(definition.tools) - offered.keys():
            log.warning("tools_unknown", tools=sorted(unknown))
        transfers = [
            self._transfers.tool(
                target,
                target_name=self._version.agent(target.agent).name,
                build=lambda next_id, before, briefing: self.build(next_id, before=before, briefing=briefing),
            )
            for target in definition.handoff_targets
        ]
        return [*transfers, *panel_tools(kinds, self._desk), *named]

    def _knowledge(self, definition: AgentDefinition) -> dict[str, Tool]:
        """The tool that searches the documents of this agent alone."""
        if not definition.knowledge:
            return {}
        documents = None if definition.knowledge == "all" else definition.knowledge
        tool = knowledge_tool(documents, library=self._library, recorder=self._recorder)
        return {tool.name: tool}

    def _attachments(self, definition: AgentDefinition) -> PanelAttachments | None:
        if not definition.panel_attach:
            return None
        return PanelAttachments(definition.panel_attach, kinds=self._kinds, board=self._desk.board)

    def _llm(self, id: AgentId, definition: AgentDefinition) -> llm.LLM[Any]:
        if id not in self._llms:
            self._llms[id] = self._alternatives.llm(definition.llm, agent=id)
        return self._llms[id]

    def _filled(self, text: str) -> str:
        return filled(text, self._version, self._context)

    def _transcriber(self, choice: SttChoice) -> stt.STT[Any] | None:
        """One for each choice, which a handoff between agents of the same choice keeps."""
        if choice not in self._transcribers:
            transcriber = self._alternatives.transcriber(choice, keyterms=self._version.keyterms_for(choice))
            if transcriber is None:
                return None
            self._transcribers[choice] = transcriber
        return self._transcribers[choice]

    def _voice(self, id: AgentId, definition: AgentDefinition) -> tts.TTS[Any] | None:
        if id not in self._voices:
            speed = definition.speech.speed if definition.speech else None
            language = self._version.draft.spoken_by(definition)
            voice = self._alternatives.voice(definition.voice, agent=id, language=language, speed=speed)
            if voice is None:
                return None
            self._voices[id] = voice
        return self._voices[id]


def _briefing(context: SessionContext) -> list[str]:
    """What the agent should know of the participant, as paragraphs of its instructions."""
    known = []
    if context.user.name:
        known.append(f"The user's name is {context.user.name}.")
    if context.user.preferences:
        preferences = "; ".join(f"{name}: {value}" for name, value in sorted(context.user.preferences.items()))
        known.append(f"The user's preferences: {preferences}.")
    if context.observations:
        known.append("Noted so far:\n" + "\n".join(f"- {text}" for text in context.observations))
    return known
