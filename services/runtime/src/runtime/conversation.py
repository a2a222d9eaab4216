"""One conversation, over ports: the same for a LiveKit job and for a session without a room.

It composes the life of an AgentSession: agents and handoffs, who greets and when, what goes wrong. Attendance keeps
time, Ending ends, LiveCommands answers the API, PanelDesk keeps the panels.
"""

from datetime import datetime
from typing import Any

import structlog
from livekit.agents import NOT_GIVEN, AgentSession
from livekit.agents.llm import ChatContext, ChatMessage
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.events import CloseEvent, ErrorEvent, FunctionToolsExecutedEvent
from msgspec import UNSET

from chassis.clock import Clock
from chassis.tasks import Tasks
from contracts.commands.live import LiveAnswer, LiveRequest
from contracts.events.handoff import HandoffCompleted, HandoffSummary
from contracts.events.session import EndReason, SessionResumed, SessionStarted
from contracts.events.tool import ToolSkippedOnResume
from contracts.ids import AgentId, CustomerId, PanelId
from contracts.panels import wire
from contracts.panels.kind import PanelKind
from contracts.template_version import Limits, TemplateVersion
from runtime.adapters.models import Models
from runtime.adapters.outside import Outside
from runtime.adapters.recorder import SessionRecorder
from runtime.adapters.schemas import complaint
from runtime.adapters.sdk_events import SdkEvents
from runtime.adapters.summaries import Summaries
from runtime.agents.configured_agent import ConfiguredAgent
from runtime.agents.factory import AgentFactory
from runtime.attendance import Attendance
from runtime.domain.context import SessionContext
from runtime.domain.handoff import HandoffArbiter
from runtime.domain.history import edges_of, remembered
from runtime.domain.panel_decisions import BadEvent
from runtime.domain.panels import PanelBoard
from runtime.domain.texts import values
from runtime.ending import Ending
from runtime.live_commands import LiveCommands
from runtime.panel_desk import PanelDesk
from runtime.surface import Surface
from runtime.tools.execution import Call
from runtime.tools.handoff import Transfers

log = structlog.get_logger()

_SORRY = "I am sorry, something went wrong on my side. Could you say that again, please?"


class Conversation:
    """A session while this process serves it. Every method belongs to one event loop.

    `resumed_from`: the epoch of the job that stopped, where this one goes on; None for a new session.
    `outside` is what the customer's own tools need; without it they are unavailable.
    """

    def __init__(
        self,
        *,
        customer: CustomerId,
        version: TemplateVersion,
        kinds: dict[PanelId, PanelKind],
        limits: Limits,
        recorder: SessionRecorder,
        surface: Surface,
        models: Models,
        clock: Clock,
        tasks: Tasks,
        claimed_at: datetime,
        resumed_from: int | None = None,
        outside: Outside | None = None,
    ) -> None:
        self._version, self._limits, self._models, self._clock = version, limits, models, clock
        self._recorder, self._surface = recorder, surface
        self._claimed_at, self._resumed_from, self._tasks = claimed_at, resumed_from, tasks
        self._arbiter = HandoffArbiter()
        self._board = PanelBoard(kinds=kinds, validate=complaint)
        self.desk = PanelDesk(board=self._board, surface=surface, recorder=recorder, tasks=tasks)
        self.context = SessionContext(modality=version.draft.profile, panels=lambda: self._board.panels)
        self._attendance = Attendance(limits=limits, recorder=recorder, clock=clock, end=self.end)
        self.sdk_events = SdkEvents(
            recorder,
            payer=models.payer,
            on_tools=self._tools_executed,
            on_silence=self._attendance.silent,
            on_error=self._model_error,
            on_close=self._session_closed,
        )
        self._summaries = Summaries(version=version, models=models, sdk_events=self.sdk_events)
        self._transfers = Transfers(
            arbiter=self._arbiter,
            recorder=recorder,
            clock=clock,
            summaries=self._summaries,
            values=lambda: values(version.draft, self.context),
        )
        self._factory = AgentFactory(
            version=version,
            kinds=kinds,
            models=models,
            recorder=recorder,
            sdk_events=self.sdk_events,
            transfers=self._transfers,
            desk=self.desk,
            context=self.context,
            clock=clock,
            stage=self,
            end_after=self._end_after,
            outside=outside,
        )
        self._ending = Ending(
            recorder=recorder,
            surface=surface,
            clock=clock,
            tasks=tasks,
            claimed_at=claimed_at,
            begin=self._begin_end,
            conclude=self.desk.record_snapshots,
            close_models=self._close_models,
        )
        self._commands = LiveCommands(
            customer=customer,
            desk=self.desk,
            over=lambda: self._session is None or self.ending,
            say=lambda text: self.session.say(text),
            end=self.end,
        )
        self._session: AgentSession[SessionContext] | None = None
        self._waits_to_greet: ConfiguredAgent | None = None
        self.greeting: SpeechHandle | None = None
        """The first agent's greeting, once it has begun."""

    @property
    def session(self) -> "AgentSession[SessionContext]":
        """LiveKit's session; there once `start` has begun."""
        assert self._session is not None
        return self._session

    @property
    def ending(self) -> bool:
        """Whether the end has begun."""
        return self._ending.begun

    # Beginning

    async def start(self) -> None:
        """Begin, or go on where another job stopped. Raises what the models raise."""
        self._factory.mcp.start(self._tasks)
        state = self._recorder.state
        self.context.user = state.admission.user or self.context.user
        if (requested := state.admission.requested) is not None:
            self.context.user_id, self.context.session_id = requested.user_id, requested.room
        self.context.restore(state.run)
        self._board.restore(state.run)
        agent = self._first_agent()
        self._session = AgentSession(
            userdata=self.context,
            max_tool_steps=self._limits.max_tool_steps,
            stt=self._factory.transcriber() or NOT_GIVEN,
            **self._models.session_options(self._version.draft),
        )
        self._ending.session = self._session
        self.sdk_events.attach(self._session)
        await self._session.start(agent, session_host=False, record=False, **self._surface.start_options())
        self._record_beginning(agent.agent_id)
        self._attendance.start(claimed_at=self._claimed_at, resumed=self._resumed_from is not None)
        self._surface.listen(self)

    async def wait_ended(self) -> None:
        """Until the last event is recorded, or this process has let go of the session."""
        await self._ending.wait()

    def _first_agent(self) -> ConfiguredAgent:
        if self._resumed_from is None:
            requested = self._recorder.state.admission.requested
            wanted = requested.initial_agent if requested is not None else ""
            return self._factory.build(AgentId(wanted or self._version.draft.initial_agent))
        run = self._recorder.run
        messages = [
            ChatMessage(role=one.role, id=one.id, content=[one.text], interrupted=one.interrupted)
            for one in remembered(run.items, edges_of(self._version))
        ]
        return self._factory.build(run.agent, chat_ctx=ChatContext(list(messages)))

    def _record_beginning(self, agent: AgentId) -> None:
        if self._resumed_from is None:
            self._recorder.record(SessionStarted(agent=agent))
            return
        open_calls = [item for item in self._recorder.run.items if item.kind == "tool" and item.outcome == "open"]
        self._recorder.record(SessionResumed(agent=agent, from_epoch=self._resumed_from))
        for item in open_calls:
            self._recorder.record(ToolSkippedOnResume(call_id=item.id, name=item.name))

    # Agents

    async def entered(self, agent: ConfiguredAgent) -> None:
        """An agent took over: the first one waits for the participant, any other greets at once."""
        done = self._arbiter.entered(agent.agent_id, now=self._clock.monotonic())
        if done is None:
            self._waits_to_greet = agent
            return
        transfer = done.transfer
        await agent.take_over(transfer.policy, transfer.last_n)
        completed = HandoffCompleted(
            call_id=transfer.call_id,
            from_agent=transfer.from_agent,
            to_agent=transfer.to_agent,
            policy=transfer.policy,
            item_id=self.sdk_events.handoff_item,
            ms=done.ms,
        )
        told = HandoffSummary(summary=agent.briefing.summary, arguments=agent.briefing.arguments or UNSET)
        self._recorder.record(completed, told, actor=transfer.to_agent)
        if not self.ending:
            agent.greet()

    def _greet(self) -> None:
        """The first agent greets when the participant is there; a resumed one answers what was left unanswered."""
        agent, self._waits_to_greet = self._waits_to_greet, None
        if agent is None or self.ending:
            return
        if self._resumed_from is None:
            self.greeting = agent.greet()
        elif self._unanswered():
            self.greeting = self.session.generate_reply()

    def _unanswered(self) -> bool:
        said = [item.kind for item in self._recorder.run.items if item.kind in ("user", "agent")]
        return bool(said) and said[-1] == "user"

    def _tools_executed(self, event: FunctionToolsExecutedEvent) -> None:
        if event.has_agent_handoff:
            # The old agent says nothing more: the next one greets.
            event.cancel_tool_reply()
        calls = {call.call_id for call in event.function_calls}
        self._transfers.lost(self._arbiter.batch_done(calls, handed_over=event.has_agent_handoff), "failed")

    # The participant (SurfaceListener), and orders from outside

    def joined(self) -> None:
        """The participant is there."""
        self._attendance.joined()
        self._greet()

    def left(self) -> None:
        """The participant is not there, for now or for good."""
        self._attendance.left()

    def gone(self) -> None:
        """The room is gone."""
        self.end("room_gone")

    def panel_event(self, event: wire.PanelEvent | BadEvent) -> None:
        """Something happened in a panel."""
        if self._recorder.is_open:
            self.desk.received(event)

    async def panel_sync(self, held: wire.PanelSync) -> wire.PanelSyncAnswer:
        """The page met the agent anew."""
        return await self.desk.sync(held)

    async def live(self, request: LiveRequest) -> LiveAnswer:
        """A command over NATS."""
        return await self._commands.answer(request)

    # The end

    def end(self, reason: EndReason) -> None:
        """Begin the end, politely; saying so twice changes nothing."""
        self._ending.end(reason)

    def fail(self, code: str, component: str = "") -> None:
        """End because something broke."""
        self._ending.fail(code, component)

    async def abandon(self) -> None:
        """Another job has the session: be silent at once, and leave the log as it is."""
        await self._ending.abandon()

    def _begin_end(self) -> None:
        self._attendance.stop()
        self._transfers.lost(self._arbiter.end(), "session_ending")

    async def _close_models(self) -> None:
        await self._summaries.aclose()
        await self._factory.aclose()
        # What all models of the session share is needed until the last of them has reported.
        await self._models.aclose()

    def _end_after(self, call: Call) -> None:
        call.context.speech_handle.add_done_callback(lambda _speech: self.end("agent_ended"))

    def _model_error(self, event: ErrorEvent) -> None:
        error: Any = event.error
        log.warning("model_error", kind=error.type, recoverable=error.recoverable, fault=type(error.error).__name__)
        if error.type == "llm_error" and not error.recoverable and not self.ending:
            # The SDK leaves the participant in silence here.
            self.session.say(_SORRY)

    def _session_closed(self, event: CloseEvent) -> None:
        """LiveKit closed its session. Its reason is not to be trusted; the error is."""
        if event.error is not None:
            self.fail("provider_failed", getattr(event.error, "type", "").removesuffix("_error"))
        elif not self.ending:
            self.end("drained")
