"""What an endpoint asked to have with the end of a session: its transcript and its cost, put in when it is sent.

The transcript is opened for each attempt and kept nowhere, so that an erasure holds for what was not yet sent. The cost
is the ledger's, which is asked for it as far as the end: one that is behind, or away, makes the attempt a failed one.
"""

from collections.abc import Collection, Sequence

import msgspec

from chassis.event_log import EventLog, LogFault
from contracts.commands.costs import CostNotTold, CostTold, TellCost
from contracts.envelope import Envelope, InvalidCommit, decode_commit
from contracts.events.turn import AgentSaid, UserSaid, Words
from contracts.events.webhook import Summary
from contracts.ids import CustomerId, SessionId
from contracts.registry import UnknownEvent, decode_data
from contracts.subjects import Log, Writer, session_subject
from gateway.adapters.ledger import Ledger
from gateway.domain.outbound import Line, position_in, with_summary
from gateway.handlers.opening import Opened, Opener


class SummaryOutOfReach(Exception):
    """It cannot be had now; the next attempt asks again. `code` says what was missing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Summaries:
    """Completes bodies. Raises SummaryOutOfReach, StoreUnavailable."""

    def __init__(self, *, event_log: EventLog, opener: Opener, ledger: Ledger) -> None:
        self._log, self._opener, self._ledger = event_log, opener, ledger

    async def completed(
        self, body: bytes, *, customer: CustomerId, session: SessionId, wanted: Collection[Summary]
    ) -> bytes:
        """The `body` of a session's end, with what is wanted of the session."""
        transcript = await self._transcript(customer, session) if "transcript" in wanted else None
        cost = None
        if "cost" in wanted:
            cost = await self._cost(TellCost(customer=customer, session=session, position=position_in(body)))
        return with_summary(body, transcript=transcript, cost=cost)

    async def _cost(self, question: TellCost) -> CostTold:
        answer = await self._ledger.cost(question)
        if isinstance(answer, CostNotTold):
            raise SummaryOutOfReach(f"cost_{answer.code}")
        return answer

    async def _transcript(self, customer: CustomerId, session: SessionId) -> list[Line]:
        try:
            turns = await self._turns(customer, session)
        except LogFault as fault:
            raise SummaryOutOfReach("log_unavailable") from fault
        opened = await self._opener.open(customer, [envelope for envelope, _ in turns])
        return [_line(envelope, said, words) for (envelope, said), words in zip(turns, opened, strict=True)]

    async def _turns(self, customer: CustomerId, session: SessionId) -> Sequence[tuple[Envelope, UserSaid | AgentSaid]]:
        found: list[tuple[Envelope, UserSaid | AgentSaid]] = []
        async for commit in self._log.read(Log.SESSIONS, session_subject(customer, session, Writer.RUN)):
            try:
                for envelope in decode_commit(commit.payload):
                    data = decode_data(envelope)
                    if isinstance(data, UserSaid | AgentSaid):
                        found.append((envelope, data))
            except (InvalidCommit, UnknownEvent, msgspec.ValidationError):
                continue  # what this build cannot read, the paths in the body still lead to
        return found


def _line(envelope: Envelope, said: UserSaid | AgentSaid, words: Opened) -> Line:
    return Line(
        at=envelope.time,
        speaker="participant" if isinstance(said, UserSaid) else "agent",
        agent=said.agent,
        text=words.text if isinstance(words, Words) else None,
    )
