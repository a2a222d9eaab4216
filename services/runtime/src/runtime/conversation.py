"""One conversation, over ports: the same for a LiveKit job and for a session without a room.

It owns the life of an AgentSession: who greets and when, the handoffs, the limits, the ending. The order of the end is
fixed: last words, final panel snapshots, models closed with their last usage, `session.ended`, acknowledged.
"""

import asyncio
from datetime import datetime
from typing import Any, get_args

import structlog
from livekit.agents import AgentSession
from livekit.agents.llm import ChatContext, ChatMessage
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.events import CloseEvent, ErrorEvent, FunctionToolsExecutedEvent

from chassis.clock import Clock
from chassis.tasks import Tasks
from contracts.commands.live import (
    CommandPanel,
    End,
    LiveAnswer,
    LiveDone,
    LiveRefused,
    LiveRequest,
    Say,
)
from contracts.events.handoff import HandoffCompleted, HandoffSummary
from contracts.events.session import (
    EndReason,
    LimitReached,
    SessionEnded,
    SessionFailed,
    SessionResumed,
    SessionStarted,
    UserAway,
    UserReturned,
)
from contracts.events.tool import ToolSkippedOnResume
from contracts.ids import AgentId, CustomerId, PanelId
from contracts.panels import wire
from contracts.panels.kind import PanelKind
from contracts.panels.refusals import PanelRefused
from contracts.template_version import Limits, TemplateVersion
from runtime.adapters.models import Models
from runtime.adapters.recorder import SessionRecorder
from runtime.adapters.schemas import complaint
from runtime.adapters.sdk_events import SdkEvents
from runtime.agents.configured_agent import ConfiguredAgent
from runtime.agents.factory import AgentFactory
from runtime.domain import grace
from runtime.domain.context import SessionContext
from runtime.domain.handoff import HandoffArbiter
from runtime.domain.history import edges_of, remembered
from runtime.domain.panels import BadEvent, PanelBoard
from runtime.panel_desk import PanelDesk, api_command
from runtime.surface import Surface
from runtime.tools.execution import Call
from runtime.tools.handoff import Transfers

log = structlog.get_logger()

LAST_WORDS_S = 15.0
CLOSE_S = 10.0

_SORRY = "I am sorry, something went wrong on my side. Could you say that again, please?"
_LAST_WORDS: dict[str, str] = {
    "limit_reached": "I am sorry, our time for this session is up. Thank you, and goodbye.",
    "operator_ended": "This session is being ended now. Thank you, and goodbye.",
    "drained": "I am sorry, I have to end this session now. Goodbye.",
}


class Conversation:
    """A session while this process serves it. Every method belongs to one event loop."""

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
    ) -> None:
        self._customer = customer
        self._version, self._limits, self._models = version, limits, models
        self._recorder, self._surface, self._clock, self._tasks = recorder, surface, clock, tasks
        self._claimed_at, self._resumed_from = claimed_at, resumed_from
        self._arbiter = HandoffArbiter()
        self._transfers = Transfers(arbiter=self._arbiter, recorder=recorder, clock=clock)
        self._board = PanelBoard(kinds=kinds, validate=complaint)
        self.desk = PanelDesk(board=self._board, surface=surface, recorder=recorder, tasks=tasks)
        self.context = SessionContext(modality=version.draft.modality_profile, panels=lambda: self._board.panels)
        self.sdk_events = SdkEvents(
            recorder,
            on_tools=self._tools_executed,
            on_silence=self._silence,
            on_error=self._model_error,
            on_close=self._session_closed,
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
        )
        self._session: AgentSession[SessionContext] | None = None
        self._presence: grace.Presence = grace.Awaited(clock.monotonic())
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._silent_since: float | None = None
        self._greets: ConfiguredAgent | None = None
        self._winding_up: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self.greeting: SpeechHandle | None = None

    @property
    def session(self) -> "AgentSession[SessionContext]":
        """LiveKit's session; there once `start` has begun."""
        assert self._session is not None
        return self._session

    @property
    def ending(self) -> bool:
        """Whether the end has begun."""
        return self._winding_up is not None or self._ended.is_set()

    # Beginning

    async def start(self) -> None:
        """Begin, or go on where another job stopped. Raises what the models raise."""
        self._restore()
        agent = self._first_agent()
        self._session = AgentSession(
            userdata=self.context,
            max_tool_steps=self._limits.max_tool_steps,
            **_given(stt=self._factory.transcriber()),
            **self._models.session_options(self._version.draft),
        )
        self.sdk_events.attach(self._session)
        await self._session.start(agent, session_host=False, record=False, **self._surface.start_options())
        self._record_beginning(agent.agent_id)
        self._surface.listen(self)
        self._watch_duration()
        self._rearm()
        self._greet()

    async def wait_ended(self) -> None:
        """Until the last event is recorded, or this process has let go of the session."""
        await self._ended.wait()

    def _restore(self) -> None:
        state = self._recorder.state
        if state.admission.user is not None:
            self.context.user = state.admission.user
        self.context.restore(state.run)
        self._board.restore(state.run)
        if self._resumed_from is not None:
            self._presence = grace.Gone(self._clock.monotonic(), noted=state.run.away)

    def _first_agent(self) -> ConfiguredAgent:
        if self._resumed_from is None:
            return self._factory.build(self._version.draft.initial_agent)
        run = self._recorder.run
        messages = [
            ChatMessage(role=one.role, id=one.id, content=[one.text], interrupted=one.interrupted)
            for one in remembered(run.items, edges_of(self._version))
        ]
        return self._factory.build(run.agent, chat_ctx=ChatContext(list(messages)))

    def _record_beginning(self, agent: AgentId) -> None:
        run = self._recorder.run
        if self._resumed_from is None:
            self._recorder.record(SessionStarted(agent=agent))
            return
        self._recorder.record(SessionResumed(agent=agent, from_epoch=self._resumed_from))
        for item in run.items:
            if item.kind == "tool" and item.outcome == "open":
                self._recorder.record(ToolSkippedOnResume(call_id=item.id, name=item.name))

    # Agents

    async def entered(self, agent: ConfiguredAgent) -> None:
        """An agent took over: the first one waits for the participant, any other greets at once."""
        done = self._arbiter.entered(agent.agent_id, now=self._clock.monotonic())
        if done is None:
            if self._resumed_from is None:
                self._greets = agent
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
        self._recorder.record(completed, HandoffSummary(), actor=transfer.to_agent)
        if not self.ending:
            agent.greet()

    def _greet(self) -> None:
        """The first agent greets once it has begun and the participant is there; a resumed one goes on."""
        begun = self._recorder.run.phase == "live" and self._session is not None
        if not begun or not self._surface.present or self.ending:
            return
        if self._greets is not None:
            agent, self._greets = self._greets, None
            self.greeting = agent.greet()
        elif self._resumed_from is not None and self.greeting is None and self._unanswered():
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

    # The participant

    def joined(self) -> None:
        """See SurfaceListener."""
        away_ms = grace.absence_ms(self._presence, now=self._clock.monotonic())
        self._presence = grace.joined(self._presence)
        if away_ms is not None:
            self._recorder.record(UserReturned(away_ms=away_ms))
        self._rearm()
        self._greet()

    def left(self) -> None:
        """See SurfaceListener."""
        self._presence = grace.left(self._presence, now=self._clock.monotonic())
        self._silent_since = None
        self._rearm()

    def gone(self) -> None:
        """See SurfaceListener."""
        self.end("room_gone")

    def panel_event(self, event: wire.PanelEvent | BadEvent) -> None:
        """See SurfaceListener."""
        if self._recorder.is_open:
            self.desk.received(event)

    async def panel_sync(self, held: wire.PanelSync) -> wire.PanelSyncAnswer:
        """See SurfaceListener."""
        return await self.desk.sync(held)

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        following = grace.due(self._presence, self._limits)
        if following is not None and not self.ending:
            wait_s = max(0.0, following.at - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._fall_due)

    def _fall_due(self) -> None:
        following = grace.due(self._presence, self._limits)
        if following is None or following.at > self._clock.monotonic():
            self._rearm()
            return
        match following.what:
            case "note_absence":
                self._presence = grace.noted(self._presence)
                self._recorder.record(UserAway(cause="left"))
                self._rearm()
            case "no_show" | "user_left" as reason:
                self.end(reason)

    def _silence(self, silent: bool) -> None:
        now = self._clock.monotonic()
        if silent and isinstance(self._presence, grace.Here):
            self._silent_since = now
            self._recorder.record(UserAway(cause="silent"))
        elif not silent and self._silent_since is not None:
            self._recorder.record(UserReturned(away_ms=round((now - self._silent_since) * 1000)))
            self._silent_since = None

    # Orders from outside

    async def live(self, request: LiveRequest) -> LiveAnswer:
        """A command over NATS, for this session's own customer only."""
        if request.customer != self._customer:
            return LiveRefused(code="not_allowed", message="this session belongs to another customer")
        if self.ending or self._session is None:
            return LiveRefused(code="session_over", message="the session is ending or has ended")
        match request.command:
            case Say(text=text):
                self.session.say(text)
                return LiveDone()
            case End(reason=reason):
                known = get_args(EndReason)
                self.end(reason if reason in known else "operator_ended")  # type: ignore[arg-type]  # checked
                return LiveDone()
            case CommandPanel() as command:
                return await self._command_panel(command)

    async def _command_panel(self, command: CommandPanel) -> LiveAnswer:
        settled = self._board.settled(command.op_id)
        try:
            if settled is None:
                settled = await self.desk.command(
                    command.panel,
                    lambda: api_command(
                        self._board,
                        op_id=command.op_id,
                        panel=command.panel,
                        action=command.action,
                        args=bytes(command.args),
                        base_rev=command.base_rev,
                    ),
                )
        except PanelRefused as refused:
            return LiveRefused(code=refused.code.name.lower(), message=refused.message)
        if settled.error is not None:
            return LiveRefused(code=settled.error.code.name.lower(), message=settled.error.message)
        return LiveDone(rev=settled.rev)

    # The end

    def end(self, reason: EndReason) -> None:
        """Begin the end, politely; saying so twice changes nothing."""
        self._begin_end(reason, SessionEnded(reason=reason))

    def fail(self, code: str, component: str = "") -> None:
        """End because something broke."""
        self._begin_end("failed", SessionFailed(code=code, component=component))

    async def abandon(self) -> None:
        """Another job has the session: be silent at once, and leave the log as it is."""
        self._recorder.stop()
        self._stop_timers()
        if self._session is not None:
            self._session.interrupt(force=True)
            await self._close_session()
        self._ended.set()

    def _begin_end(self, reason: str, last: SessionEnded | SessionFailed) -> None:
        if self.ending:
            return
        self._stop_timers()
        self._winding_up = self._tasks.start(self._wind_up(reason, last), name="wind up")

    async def _wind_up(self, reason: str, last: SessionEnded | SessionFailed) -> None:
        try:
            self._transfers.lost(self._arbiter.end(), "session_ending")
            await self._say_goodbye(reason)
            self.desk.record(self._board.snapshots())
            await self._close_session()
        finally:
            if isinstance(last, SessionEnded):
                spent = self._clock.now() - self._claimed_at
                last = SessionEnded(reason=last.reason, duration_ms=max(0, round(spent.total_seconds() * 1000)))
            self._recorder.end(last)
            self._ended.set()

    async def _say_goodbye(self, reason: str) -> None:
        words = _LAST_WORDS.get(reason)
        if words is None or self._session is None or not self._surface.present:
            return
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self._session.interrupt()
                await self._session.say(words, allow_interruptions=False)
        except (TimeoutError, RuntimeError) as error:
            log.warning("last_words_unsaid", reason=reason, fault=type(error).__name__)

    async def _close_session(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                if self._session is not None:
                    await self._session.aclose()
                await self._factory.aclose()
        except TimeoutError:
            log.warning("models_not_closed", timeout_s=CLOSE_S)

    def _end_after(self, call: Call) -> None:
        call.context.speech_handle.add_done_callback(lambda _handle: self.end("agent_ended"))

    def _watch_duration(self) -> None:
        spent_s = (self._clock.now() - self._claimed_at).total_seconds()
        left_s = max(0.0, self._limits.max_duration_s - spent_s)
        self._deadline = asyncio.get_running_loop().call_later(left_s, self._time_is_up)

    def _time_is_up(self) -> None:
        if not self.ending:
            self._recorder.record(LimitReached(limit="duration", value=self._limits.max_duration_s))
            self.end("limit_reached")

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._deadline):
            if timer is not None:
                timer.cancel()

    def _model_error(self, event: ErrorEvent) -> None:
        error: Any = event.error
        log.warning("model_error", kind=error.type, recoverable=error.recoverable, fault=type(error.error).__name__)
        if error.type == "llm_error" and not error.recoverable and not self.ending and self._session is not None:
            self.session.say(_SORRY)

    def _session_closed(self, event: CloseEvent) -> None:
        if event.error is not None:
            self.fail("provider_failed", getattr(event.error, "type", "").removesuffix("_error"))
        elif not self.ending:
            self.end("drained")


def _given(**arguments: Any) -> dict[str, Any]:
    """Without what is None: the SDK tells apart what was not given and what was turned off."""
    return {name: value for name, value in arguments.items() if value is not None}
