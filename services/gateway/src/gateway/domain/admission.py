"""The `admission` stream of a session: what a gateway may append to it, and when it stays quiet.

Any gateway process may append; the log's expectation lets one of them win, and the loser decides again on what it then
reads. Commands that were already carried out give no events.
"""

from typing import Literal, assert_never, get_args

import msgspec

from chassis.errors import Conflict
from contracts.events.session import (
    AdmissionEvent,
    JobLost,
    ParticipantJoined,
    ParticipantLeft,
    RoomFinished,
    RoomStarted,
    SessionClosed,
    SessionDispatched,
    SessionRefused,
    SessionRequested,
    TokenIssued,
)
from gateway.domain.view import SessionView

Kind = Literal["user", "agent", "other"]
_NOBODY = (0, "")
LossCause = Literal["process_died", "heartbeat_silent", "never_claimed", "room_gone"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Let a session in, with its first epoch; `token_ttl_s` None where no token goes out with it."""

    requested: SessionRequested
    token_ttl_s: int | None


class Expire(msgspec.Struct, frozen=True, kw_only=True):
    """A slot was taken and nothing followed: nothing may follow any more."""


class AllocateEpoch(msgspec.Struct, frozen=True, kw_only=True):
    """The next epoch after `after`; nothing when somebody allocated one meanwhile."""

    after: int


class DeclareLost(msgspec.Struct, frozen=True, kw_only=True):
    """The job of `epoch` is gone for good."""

    epoch: int
    cause: LossCause


class IssueToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token goes out to the session's own participant; it lives `ttl_s` seconds."""

    ttl_s: int


class RecordRoomStarted(msgspec.Struct, frozen=True, kw_only=True):
    """LiveKit opened the room; after a restart it does so again, under another sid."""

    sid: str


class RecordJoined(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is in the room `room_sid`, since `joined_ms` (since 1970; 0 and empty where that is not known)."""

    identity: str
    sid: str
    kind: Kind
    joined_ms: int = 0
    room_sid: str = ""


class RecordLeft(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody left; of a connection that was replaced since, it says nothing. `joined_ms` as of its join."""

    identity: str
    sid: str
    reason: str = ""
    kind: Kind = "other"
    joined_ms: int = 0


class RecordRoomFinished(msgspec.Struct, frozen=True, kw_only=True):
    """LiveKit closed the room."""

    sid: str = ""


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """The session has ended and its room is gone."""


Fact = RecordRoomStarted | RecordJoined | RecordLeft | RecordRoomFinished
"""What LiveKit tells."""

Command = Request | Expire | AllocateEpoch | DeclareLost | IssueToken | Fact | Close


class SessionOver(Conflict):
    """It has ended, or never began."""

    code, title = "session_over", "The session is over"


class SlotExpired(Conflict):
    """Admission took so long that its slot had been given back."""

    code, title = "admission_expired", "Admission took too long; start again"


class EpochNotAllocated(Conflict):
    """Only an epoch that was allocated can be lost."""

    code, title = "epoch_not_allocated", "This epoch was never allocated"


class NotEnded(Conflict):
    """A session closes after its end, never before."""

    code, title = "session_not_ended", "The session has not ended"


def decide(command: Command, view: SessionView) -> list[AdmissionEvent]:
    """The events that `command` adds to the stream; none when it was already so. Raises the refusals above."""
    match command:
        case Request():
            return _request(command, view)
        case Expire():
            return [] if view.known else [SessionRefused(reason="expired")]
        case AllocateEpoch():
            return _allocate(command, view)
        case DeclareLost():
            return _lose(command, view)
        case IssueToken():
            _require_open(view)
            tokens = view.state.admission.tokens
            return [TokenIssued(identity=view.request.identity, ttl_s=command.ttl_s, reissue=tokens > 0)]
        case Close():
            return _close(view)
        case RecordRoomStarted() | RecordJoined() | RecordLeft() | RecordRoomFinished():
            return _record(command, view)
        case _:
            assert_never(command)


def is_fact(command: Command) -> bool:
    """Whether it only tells what happened, so that it may be lost with the session it belongs to."""
    return isinstance(command, get_args(Fact))


def _request(command: Request, view: SessionView) -> list[AdmissionEvent]:
    if view.state.admission.refused:
        raise SlotExpired
    if view.known:
        return []
    requested = command.requested
    events: list[AdmissionEvent] = [requested, SessionDispatched(epoch=1, room=requested.room)]
    if command.token_ttl_s is not None:
        events.append(TokenIssued(identity=requested.identity, ttl_s=command.token_ttl_s))
    return events


def _allocate(command: AllocateEpoch, view: SessionView) -> list[AdmissionEvent]:
    _require_open(view)
    if view.epoch > command.after:
        return []
    return [SessionDispatched(epoch=view.epoch + 1, room=view.request.room)]


def _lose(command: DeclareLost, view: SessionView) -> list[AdmissionEvent]:
    if view.over or command.epoch <= view.state.admission.lost_epoch:
        return []
    if command.epoch > view.epoch:
        raise EpochNotAllocated
    return [JobLost(epoch=command.epoch, cause=command.cause)]


def _close(view: SessionView) -> list[AdmissionEvent]:
    admission = view.state.admission
    if admission.closed or admission.refused:
        return []
    if not view.ended:
        raise NotEnded
    return [SessionClosed(reason=view.state.run.end)]


def _record(command: Fact, view: SessionView) -> list[AdmissionEvent]:
    """Facts come late, twice and out of order; a closed session takes none, and `closed` stays the last event."""
    admission = view.state.admission
    if admission.requested is None or admission.closed or admission.refused:
        return []
    room = admission.requested.room
    match command:
        case RecordRoomStarted():
            return [] if command.sid == admission.room_sid else [RoomStarted(room=room, room_sid=command.sid)]
        case RecordJoined():
            return _joined(command, view)
        case RecordLeft():
            return _left(command, view)
        case RecordRoomFinished():
            of_another = bool(command.sid and admission.room_sid and command.sid != admission.room_sid)
            if of_another or admission.room_finished:
                return []
            return [RoomFinished(room=room, room_sid=command.sid)]
        case _:
            assert_never(command)


def _joined(command: RecordJoined, view: SessionView) -> list[AdmissionEvent]:
    there = view.present.get(command.identity)
    known = command.sid in view.left_sids or (there is not None and there.sid == command.sid)
    if known or (command.joined_ms and _place(command) < view.newest.get(command.identity, _NOBODY)):
        return []
    if command.room_sid and command.room_sid in view.finished_rooms:
        return [_came(command), _went(command, command.kind, "room_finished")]
    return [_came(command)]


def _left(command: RecordLeft, view: SessionView) -> list[AdmissionEvent]:
    """A leave that is told before its join tells of both, and the join then of nothing new."""
    there = view.present.get(command.identity)
    if there is not None and there.sid == command.sid:
        kind: Kind = "user" if there.kind == "user" else "agent" if there.kind == "agent" else "other"
        return [_went(command, kind, command.reason)]
    newer = _place(command) > view.newest.get(command.identity, _NOBODY)
    if command.joined_ms and newer and command.sid not in view.left_sids:
        return [_came(command), _went(command, command.kind, command.reason)]
    return []


def _place(command: RecordJoined | RecordLeft) -> tuple[int, str]:
    """Among the connections of one identity, of which the newest counts."""
    return (command.joined_ms, command.sid)


def _came(command: RecordJoined | RecordLeft) -> ParticipantJoined:
    return ParticipantJoined(
        identity=command.identity,
        participant_sid=command.sid,
        kind=command.kind,
        joined_ms=command.joined_ms,
    )


def _went(command: RecordJoined | RecordLeft, kind: Kind, reason: str) -> ParticipantLeft:
    return ParticipantLeft(identity=command.identity, participant_sid=command.sid, kind=kind, reason=reason)


def _require_open(view: SessionView) -> None:
    if view.state.admission.requested is None or view.over:
        raise SessionOver
