"""The record of one live session: facts become sealed events in the outbox, and the fold of them is kept at hand.

It never waits and never touches a disk or a network: the outbox does. Words pass through here and into the seal only.
"""

from collections.abc import Callable
from typing import Protocol

from chassis.event_log import LogFault
from chassis.recording import Recorder
from contracts.envelope import Envelope
from contracts.events.session import SessionEnded, SessionFailed, StateDigest
from contracts.ids import AgentId, TurnId
from contracts.positions import Position
from contracts.registry import EventData, Personal
from contracts.session_state import FOLD_VERSION, RunState, SessionState, digest, evolve
from contracts.session_state import Fact as FoldedFact

DIGEST_EVERY = 50


class Outgoing(Protocol):
    """What the recorder needs of chassis.outbox.Outbox."""

    def put(self, envelope: Envelope) -> None:
        """Take an event to be published in order; at once."""

    async def wait_for(self, n: int, timeout_s: float) -> Position:
        """Raises LogFault when event `n` is not acknowledged in time, or never will be."""


class SessionRecorder:
    """Records until the session ends; what comes after that, or after another job took over, is dropped."""

    def __init__(self, *, stamp: Recorder, outbox: Outgoing, state: SessionState) -> None:
        self._stamp, self._outbox, self._state = stamp, outbox, state
        self._since_digest = 0
        self._open = True
        self._listener: Callable[[EventData], None] | None = None
        self.turn = TurnId("")

    @property
    def state(self) -> SessionState:
        """The fold of everything recorded so far."""
        return self._state

    @property
    def run(self) -> RunState:
        """The part that this job writes."""
        return self._state.run

    @property
    def agent(self) -> AgentId:
        """Who is in control, by the events."""
        return self._state.run.agent

    @property
    def is_open(self) -> bool:
        """Whether facts are still taken."""
        return self._open

    def record(self, data: EventData, personal: Personal | None = None, *, actor: str = "") -> int:
        """One fact; returns its `n`, 0 when nothing is taken any more."""
        if not self._open:
            return 0
        n = self._put(data, personal, actor)
        self._since_digest += 1
        if self._since_digest >= DIGEST_EVERY:
            self._put_digest()
        if self._listener is not None:
            self._listener(data)
        return n

    def on_record(self, listener: Callable[[EventData], None]) -> None:
        """Call `listener(data)` after each fact that is recorded, but the last."""
        self._listener = listener

    def end(self, last: SessionEnded | SessionFailed) -> int:
        """The digest and the last event; nothing is taken after it. Returns its `n`."""
        if not self._open:
            return 0
        self._put_digest()
        n = self._put(last, None, "")
        self._open = False
        return n

    def stop(self) -> None:
        """Take nothing any more, and leave the log as it is: another job has the session."""
        self._open = False

    async def acked(self, n: int, *, timeout_s: float) -> bool:
        """Whether event `n` (0: it was not taken) is in the log within `timeout_s` seconds."""
        if not n:
            return False
        try:
            await self._outbox.wait_for(n, timeout_s)
        except LogFault:
            return False
        return True

    @property
    def last_n(self) -> int:
        """`n` of the last event recorded."""
        return self._stamp.last_n

    def _put_digest(self) -> None:
        self._put(StateDigest(fold_version=FOLD_VERSION, digest=digest(self._state.run)), None, "")
        self._since_digest = 0

    def _put(self, data: EventData, personal: Personal | None, actor: str) -> int:
        envelope = self._stamp.record(data, personal, actor=actor)
        self._state = evolve(self._state, FoldedFact(envelope, data, personal))
        self._outbox.put(envelope)
        return envelope.n
