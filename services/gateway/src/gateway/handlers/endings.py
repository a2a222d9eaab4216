"""Ending a session from the gateway: take the next epoch, claim it, and append the one end. Whoever loses a conflict
reads again and decides again, so a session never gets two ends.
"""

from chassis.clock import Clock
from chassis.event_log import RevisionConflict
from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask
from chassis.recording import current_traceparent
from contracts.commands.live import End as AskToEnd
from contracts.commands.live import LiveAnswer, LiveRefused, LiveRequest
from contracts.events.session import EndReason, SessionEnded
from contracts.ids import CustomerId, SessionId
from contracts.subjects import live_session_subject
from gateway.adapters.session_streams import SessionStreams
from gateway.domain.admission import AllocateEpoch, Command, DeclareLost, LossCause
from gateway.domain.view import SessionView
from gateway.handlers.open_sessions import OpenSessions

_ATTEMPTS = 8
_LIVE_ANSWER_S = 2.0


class Endings:
    """The two ways to end: politely, by asking the live job; and by taking the session over."""

    def __init__(self, *, nats: Client, streams: SessionStreams, sessions: OpenSessions, clock: Clock) -> None:
        self._nats, self._streams, self._sessions, self._clock = nats, streams, sessions, clock

    async def take_over(
        self,
        view: SessionView,
        reason: EndReason,
        *,
        lost_epoch: int = 0,
        cause: LossCause = "heartbeat_silent",
        actor: str = "",
    ) -> SessionView:
        """End what `view` shows; nothing when it is over. Raises RevisionConflict when the session moved on."""
        if view.over:
            return view
        lost: list[Command] = [DeclareLost(epoch=lost_epoch, cause=cause)] if lost_epoch else []
        view, _ = await self._streams.append(view, *lost, AllocateEpoch(after=view.epoch), actor=actor)
        view, _ = await self._streams.append_end(
            view, SessionEnded(reason=reason, duration_ms=self._duration_ms(view)), actor=actor
        )
        self._sessions.take(view)
        return view

    async def end(
        self,
        customer: CustomerId,
        session: SessionId,
        *,
        actor: str,
        reason: EndReason = "operator_ended",
        politely: bool = True,
    ) -> SessionView:
        """An end from outside: the live job's own, or ours where none answers or none is asked.

        The view is not `known` where there is no such session. Raises LogFault.
        """
        view = await self._streams.load(customer, session)
        if not view.known or view.over:
            return view
        if politely and await self._asked(view, actor, reason):
            return view
        for _ in range(_ATTEMPTS):
            try:
                return await self.take_over(view, reason, actor=actor)
            except RevisionConflict:
                view = await self._streams.load(customer, session)
        return view

    async def _asked(self, view: SessionView, actor: str, reason: EndReason) -> bool:
        """Whether the live job said that it ends, or that it is ending already."""
        command = AskToEnd(reason=reason)
        request = LiveRequest(customer=view.customer, actor=actor, traceparent=current_traceparent(), command=command)
        subject = live_session_subject(view.session)
        try:
            answer: LiveAnswer = await ask(self._nats, subject, request, LiveAnswer, timeout_s=_LIVE_ANSWER_S)
        except (NoAnswer, RequestRefused):
            return False
        return not isinstance(answer, LiveRefused) or answer.code == "session_over"

    def _duration_ms(self, view: SessionView) -> int:
        if not view.first_claimed_s:
            return 0
        return max(0, round((self._clock.now().timestamp() - view.first_claimed_s) * 1000))
