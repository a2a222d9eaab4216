"""Load, fold, decide, append, and start over on a conflict: the only loop of its kind.

A command that adds nothing appends nothing.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from chassis.clock import Clock
from chassis.decider import Decider
from chassis.errors import Unavailable
from chassis.event_log import EventLog, RevisionConflict
from chassis.recording import Origin, Recorder
from contracts.envelope import decode_commit, parse_time
from contracts.positions import Position
from contracts.registry import EventData, Personal, decode_data, type_of
from contracts.subjects import Log

C = TypeVar("C")
S = TypeVar("S")

_ATTEMPTS = 5


class Stream(msgspec.Struct, Generic[S], frozen=True, kw_only=True):
    """A stream as read: its fold, its revision, the last `n` of its writer, and when it began."""

    state: S
    revision: int = 0
    last_n: int = 0
    created_at: datetime | None = None
    position: Position | None = None


class Handled(msgspec.Struct, Generic[S], frozen=True, kw_only=True):
    """What a command came to. `position` is where the stream stands now; None for an empty stream."""

    state: S
    events: list[EventData]
    position: Position | None


class Sealing(msgspec.Struct, frozen=True):
    """What is personal in a command, and the key (32 bytes) that seals it: the origin's `keyid` names it.

    It goes with the events that have a personal part of this kind.
    """

    personal: Personal
    key: bytes


class CommandHandler:
    """Handles commands for the entities of one log."""

    def __init__(self, *, log: EventLog, log_name: Log, clock: Clock) -> None:
        self._log, self._name, self._clock = log, log_name, clock

    async def load(self, subject: str, decider: Decider[C, EventData, S]) -> Stream[S]:
        """Read and fold one stream; raises LogFault."""
        state, revision, last_n, index = decider.initial, 0, 0, 0
        created_at: datetime | None = None
        async for commit in self._log.read(self._name, subject):
            envelopes = decode_commit(commit.payload)
            created_at = created_at or parse_time(envelopes[0].time)
            for envelope in envelopes:
                state = decider.evolve(state, decode_data(envelope))
            revision, last_n, index = commit.sequence, envelopes[-1].n, len(envelopes) - 1
        if revision == 0:
            return Stream(state=state)
        place = Position(self._name, await self._log.incarnation(self._name), -1, revision, index)
        return Stream(state=state, revision=revision, last_n=last_n, created_at=created_at, position=place)

    async def handle(
        self,
        subject: str,
        decider: Decider[C, EventData, S],
        command: C,
        *,
        origin: Origin,
        actor: str,
        check: Callable[[int], None] | None = None,
        sealing: Sealing | None = None,
    ) -> Handled[S]:
        """Decide and append; before something is appended, `check` is asked about the stream's revision.

        Raises the decider's refusals and what `check` raises, LogFault, and Unavailable after repeated conflicts.
        """
        for _ in range(_ATTEMPTS):
            stream = await self.load(subject, decider)
            decided = decider.decide(command, stream.state)
            if not decided:
                return Handled(state=stream.state, events=[], position=stream.position)
            if check is not None:
                check(stream.revision)
            key = sealing.key if sealing else None
            recorder = Recorder(origin=origin, clock=self._clock, last_n=stream.last_n, key=key)
            envelopes = [recorder.record(event, _personal(event, sealing), actor=actor) for event in decided]
            try:
                position = await self._log.append(self._name, subject, envelopes, expected=stream.revision)
            except RevisionConflict:
                continue
            state = stream.state
            for event in decided:
                state = decider.evolve(state, event)
            return Handled(state=state, events=decided, position=position)
        raise Unavailable(f"{subject} changed too often while it was being written")


def _personal(event: EventData, sealing: Sealing | None) -> Personal | None:
    return sealing.personal if sealing and type_of(event).personal is type(sealing.personal) else None
