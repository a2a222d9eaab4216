"""Where a session stands: its whole log through the shared fold, without opening anything personal."""

import msgspec
import structlog

from chassis.event_log import EventLog
from contracts.envelope import InvalidCommit, decode_commit
from contracts.events.session import SessionEnded, SessionFailed, SessionRequested, SessionStarted
from contracts.ids import CustomerId, SessionId
from contracts.registry import UnknownEvent
from contracts.session_state import SessionState, evolve, fact
from contracts.subjects import Log, session_filter
from gateway.http.bodies import ParticipantStatus, SessionStatus

log = structlog.get_logger(__name__)


class Statuses:
    """Reads the log at every question, so that the answer is never behind."""

    def __init__(self, *, event_log: EventLog) -> None:
        self._log = event_log

    async def find(self, customer: CustomerId, session: SessionId) -> SessionStatus | None:
        """None where the customer has no such session. Raises LogFault."""
        state, times = SessionState(), dict[str, str]()
        async for commit in self._log.read(Log.SESSIONS, session_filter(customer, session)):
            try:
                for envelope in decode_commit(commit.payload):
                    told = fact(envelope)
                    state = evolve(state, told)
                    if (name := _time_name(told.data)) is not None:
                        times.setdefault(name, envelope.time)
            except (InvalidCommit, UnknownEvent, msgspec.ValidationError) as error:
                log.error("commit_unreadable", session=session, sequence=commit.sequence, error=type(error).__name__)
        return None if state.status == "unknown" else _status(session, state, times)


def _time_name(data: object) -> str | None:
    match data:
        case SessionRequested():
            return "requested"
        case SessionStarted():
            return "started"
        case SessionEnded() | SessionFailed():
            return "ended"
        case _:
            return None


def _status(session: SessionId, state: SessionState, times: dict[str, str]) -> SessionStatus:
    admission, run = state.admission, state.run
    request = admission.requested
    return SessionStatus(
        session_id=session,
        status=state.status,
        template_id=request.template_id if request else None,
        template_version=request.version if request else None,
        active_agent=run.agent or None,
        epoch=admission.epoch,
        claimed_epoch=run.epoch,
        participants=[ParticipantStatus(identity=who, kind=kind) for who, kind in admission.present.items()],
        requested_at=times.get("requested"),
        started_at=times.get("started"),
        ended_at=times.get("ended"),
        end_reason=run.end or admission.refused or None,
    )
