"""One session as the gateway sees it: the shared fold, and beside it what only admission needs.

The fold itself is contracts.session_state; here it is fed with the `session.*` events alone, since a gateway that
watches a thousand calls has no use for their words. Times are seconds since 1970 by the log's own clock.
"""

import msgspec

from contracts.envelope import Envelope
from contracts.events import session as events
from contracts.ids import CustomerId, KeyId, SessionId
from contracts.registry import decode_data
from contracts.session_state import Fact, SessionState
from contracts.session_state import evolve as fold
from contracts.subjects import Writer


class Presence(msgspec.Struct, frozen=True):
    """A participant in the room, as last reported; `since_s` is when the log heard of it."""

    kind: str
    sid: str
    since_s: float


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """State of one session. `…_revision` and `…_n` are the last commit and envelope of each stream; `newest` is each
    identity's newest connection by LiveKit's clock, (joined_ms, sid).
    """

    customer: CustomerId
    session: SessionId
    state: SessionState = SessionState()
    livemode: bool = False
    keyid: KeyId = KeyId("")
    traceparent: str = ""
    present: dict[str, Presence] = {}
    left_sids: frozenset[str] = frozenset()
    newest: dict[str, tuple[int, str]] = {}
    finished_rooms: frozenset[str] = frozenset()
    participant: str = ""
    requested_s: float = 0
    joined_s: float = 0
    claimed_s: float = 0
    first_claimed_s: float = 0
    started_s: float = 0
    ended_s: float = 0
    ended_by_gateway: bool = False
    admission_revision: int = 0
    admission_n: int = 0
    run_revision: int = 0
    run_n: int = 0

    @property
    def epoch(self) -> int:
        """The last epoch allocated."""
        return self.state.admission.epoch

    @property
    def claimed(self) -> int:
        """The last epoch claimed, 0 when none."""
        return self.state.run.epoch

    @property
    def ended(self) -> bool:
        """Whether `run` holds its end."""
        return self.state.run.phase == "ended"

    @property
    def over(self) -> bool:
        """Whether it takes no slot any more."""
        return self.ended or bool(self.state.admission.closed or self.state.admission.refused)

    @property
    def known(self) -> bool:
        """Whether the log holds anything of it."""
        return self.admission_revision > 0

    @property
    def request(self) -> events.SessionRequested:
        """How it was let in; only of a session that was."""
        assert self.state.admission.requested is not None
        return self.state.admission.requested


GATEWAY_JOB = "gateway"
"""The `job_id` of a claim by which a gateway takes an epoch in order to end the session."""


def evolve(view: SessionView, envelope: Envelope, *, sequence: int, stored_s: float) -> SessionView:
    """The view after one more event; events already seen change nothing, so that two readers may feed one view.

    Raises UnknownEvent and msgspec.ValidationError for what this build cannot read.
    """
    match envelope.writer:
        case Writer.ADMISSION:
            if envelope.n <= view.admission_n:
                return view
            view = msgspec.structs.replace(view, admission_revision=sequence, admission_n=envelope.n)
        case Writer.RUN:
            if envelope.n <= view.run_n:
                return view
            view = msgspec.structs.replace(view, run_revision=sequence, run_n=envelope.n)
        case _:
            return view
    if not envelope.type.startswith("session."):
        return view
    data = decode_data(envelope)
    view = msgspec.structs.replace(view, state=fold(view.state, Fact(envelope, data)))
    return _evolve_times(view, envelope, data, stored_s)


def _evolve_times(view: SessionView, envelope: Envelope, data: object, stored_s: float) -> SessionView:
    replace = msgspec.structs.replace
    match data:
        case events.SessionRequested():
            return replace(
                view,
                requested_s=stored_s,
                livemode=envelope.livemode,
                keyid=envelope.keyid,
                traceparent=envelope.traceparent,
            )
        case events.ParticipantJoined():
            seen = Presence(data.kind, data.participant_sid, stored_s)
            joined_s = stored_s if data.kind == "user" and not view.joined_s else view.joined_s
            newest = max(view.newest.get(data.identity, (0, "")), (data.joined_ms, data.participant_sid))
            return replace(
                view,
                present={**view.present, data.identity: seen},
                newest={**view.newest, data.identity: newest},
                joined_s=joined_s,
            )
        case events.ParticipantLeft():
            present = {who: seen for who, seen in view.present.items() if who != data.identity}
            return replace(view, present=present, left_sids=view.left_sids | {data.participant_sid})
        case events.RoomFinished():
            return replace(view, present={}, finished_rooms=view.finished_rooms | {data.room_sid})
        case events.JobClaimed():
            return replace(
                view,
                participant=data.participant,
                claimed_s=stored_s,
                first_claimed_s=view.first_claimed_s or stored_s,
                ended_by_gateway=data.job_id == GATEWAY_JOB,
            )
        case events.SessionStarted():
            return replace(view, started_s=stored_s)
        case events.SessionEnded() | events.SessionFailed():
            return replace(view, ended_s=stored_s)
        case _:
            return view
