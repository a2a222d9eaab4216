"""Sealed session events for tests: a clock that the test moves, and a session told event by event."""

from datetime import UTC, datetime, timedelta

from chassis.recording import Origin, Recorder, open_personal
from contracts.envelope import Envelope
from contracts.ids import CustomerId, KeyId
from contracts.registry import EventData, Personal
from contracts.session_state import SessionState, evolve, fact
from contracts.subjects import Writer

KEY = bytes(32)
"""Seals what these tests, and the golden fixtures, say."""


class SteppingClock:
    """Every look at it is a second later."""

    def __init__(self) -> None:
        self._seconds = 0

    def now(self) -> datetime:
        """Aware, UTC."""
        self._seconds += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Seconds."""
        return float(self._seconds)


class ScriptedSession:
    """Records events of one session in the order in which they are told."""

    def __init__(self, *, customer: str = "cus_1", session: str = "ses_1", key: bytes = KEY) -> None:
        clock = SteppingClock()
        self.events: list[Envelope] = []
        self._recorders = {
            writer: Recorder(
                origin=Origin(
                    customer=CustomerId(customer), subject=session, writer=writer, source="test", keyid=KeyId("key_1")
                ),
                clock=clock,
                key=key,
            )
            for writer in Writer
        }

    def tell(self, writer: Writer, data: EventData, personal: Personal | None = None) -> Envelope:
        """Record one event, and keep it."""
        envelope = self._recorders[writer].record(data, personal)
        self.events.append(envelope)
        return envelope


def folded(events: list[Envelope], *, opened: bool = True, state: SessionState | None = None) -> SessionState:
    """The state after `events`; with `opened` false, as a reader sees it who has no key."""
    after = state or SessionState()
    for envelope in events:
        personal = open_personal(envelope, KEY) if opened and envelope.personal else None
        after = evolve(after, fact(envelope, personal))
    return after
