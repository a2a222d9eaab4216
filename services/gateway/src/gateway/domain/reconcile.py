"""What a session needs next, from what the log says and what is seen in the world.

The heart of the gateway, and pure: the shell looks (LiveKit, heartbeats, the clock), asks `decide`, and carries out
what it answers; then it looks again. What another gateway did meanwhile shows in the log, whose expectation decides
between the two. It promises: at most one end; never a dispatch while an agent is alive; an open room with a user has
one agent, and no other; a session whose job is gone ends.
"""

from typing import Literal

import msgspec

from contracts.events.session import EndReason
from gateway.domain.admission import Fact, Kind, LossCause, RecordJoined, RecordLeft
from gateway.domain.view import SessionView

Pulse = Literal["alive", "silent", "all_silent", "deaf"]
"""A job beats; it alone is silent; it is, and so is everybody else; or we do not even hear ourselves."""


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """Someone in the room by LiveKit's list; `epoch` is the attribute `baton.epoch` of an agent that has one."""

    identity: str
    sid: str
    agent: bool = False
    epoch: int | None = None


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """The room by LiveKit's API at `seen_s`. `working`: a worker took a dispatch and may be starting a job.

    `missing_for_s` is since when the room has not been there, by this gateway's own looks.
    """

    exists: bool
    seen_s: float
    participants: tuple[Participant, ...] = ()
    working: bool = False
    missing_for_s: float = 0


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen of one session at `now_s` (seconds since 1970).

    `room` is None when LiveKit was not asked or did not answer. `dispatched_for_s` is how long ago this gateway last
    dispatched. `died_epoch` is what a worker reported dead, 0 for none.
    """

    now_s: float
    room: Room | None = None
    roomless: bool = False
    pulse: Pulse = "deaf"
    silent_for_s: float = 0
    died_epoch: int = 0
    dispatched_for_s: float = float("inf")


class Timers(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `agent_wait_s`: until an unanswered dispatch is sent again; `claim_wait_s`: the same where a worker took
    it; `connect_s`: from claim to presence; `linger_s`: from a job's end to the room's deletion; `settle_s`: how long
    the log's word about a presence outweighs LiveKit's list; `own_end_s`: by how much a job may be late with its end.
    """

    agent_wait_s: float = 2
    claim_wait_s: float = 10
    connect_s: float = 10
    linger_s: float = 2
    settle_s: float = 5
    room_gone_s: float = 60
    all_silent_s: float = 15
    unseen_s: float = 30
    own_end_s: float = 5


class Record(msgspec.Struct, frozen=True):
    """A fact that no webhook brought."""

    fact: Fact


class OpenRoom(msgspec.Struct, frozen=True):
    """Make the room."""


class Dispatch(msgspec.Struct, frozen=True):
    """Ask for a job with this epoch."""

    epoch: int


class Remove(msgspec.Struct, frozen=True):
    """Put an agent out of the room: a dead one, or one that nobody asked for."""

    identity: str


class End(msgspec.Struct, frozen=True):
    """Take the session over and end it; `lost_epoch` is declared lost first, where it is not 0."""

    reason: EndReason
    lost_epoch: int = 0
    cause: LossCause = "heartbeat_silent"


class DeleteRoom(msgspec.Struct, frozen=True):
    """Send everybody home."""


class Close(msgspec.Struct, frozen=True):
    """Nothing is left of it: the last event."""


Action = Record | OpenRoom | Dispatch | Remove | End | DeleteRoom | Close


def decide(view: SessionView, sight: Sight, timers: Timers) -> list[Action]:
    """What to do now, in this order; nothing when all is as it should be."""
    admission = view.state.admission
    if admission.requested is None or admission.closed or admission.refused:
        return []
    if view.ended:
        return _after_end(view, sight, timers)
    if (end := _end(view, sight, timers)) is not None:
        return [*_ghosts(view, sight, end), end]
    return [*_unrecorded(view, sight, timers), *_one_agent(view, sight, timers)]


def look_at_room(view: SessionView, sight: Sight) -> bool:
    """Whether LiveKit must be asked now: not for a call that goes on with a beating job and its user."""
    if sight.roomless:
        return False
    if view.ended or view.claimed == 0 or sight.pulse != "alive" or sight.died_epoch:
        return True
    overdue = sight.now_s - view.requested_s >= view.request.limits.join_timeout_s
    return overdue and not view.state.admission.user_joined


def _after_end(view: SessionView, sight: Sight, timers: Timers) -> list[Action]:
    if sight.roomless:
        return [Close()]
    if sight.room is None:
        return []
    if not sight.room.exists:
        return [Close()]
    lingers = not view.ended_by_gateway and sight.now_s - view.ended_s < timers.linger_s
    return [] if lingers else [DeleteRoom()]


def _end(view: SessionView, sight: Sight, timers: Timers) -> End | None:
    """The end that the session must get from us, or None where it can still go on."""
    if (lost := _lost(view, sight, timers)) is not None:
        return lost
    age_s = sight.now_s - view.requested_s
    join_timeout_s = view.request.limits.join_timeout_s
    if sight.roomless:
        return End("no_show") if view.claimed == 0 and age_s >= join_timeout_s else None
    if not _user_came(view, sight):
        return End("no_show") if age_s >= join_timeout_s + _patience_s(view, sight, timers) else None
    if view.claimed == 0:
        return _never_served(view, sight)
    return None


def _patience_s(view: SessionView, sight: Sight, timers: Timers) -> float:
    """How much longer than the join timeout a no-show may take: a living job ends it by itself, from its claim on."""
    if view.claimed and sight.pulse == "alive":
        return view.claimed_s - view.requested_s + timers.own_end_s
    return 0 if sight.room is not None else timers.unseen_s


def _lost(view: SessionView, sight: Sight, timers: Timers) -> End | None:
    epoch = view.claimed
    if epoch == 0:
        return None
    if view.state.admission.lost_epoch >= epoch:
        return End("job_lost", epoch)
    silent = sight.pulse in ("silent", "all_silent")
    room = sight.room
    if room is not None and not room.exists and (silent or room.missing_for_s >= timers.room_gone_s):
        return End("room_gone", epoch, "room_gone")
    if sight.died_epoch == epoch:
        return End("job_lost", epoch, "process_died")
    if sight.pulse == "silent" or (sight.pulse == "all_silent" and _second_witness(view, sight, timers)):
        return End("job_lost", epoch, "heartbeat_silent")
    return None


def _second_witness(view: SessionView, sight: Sight, timers: Timers) -> bool:
    """When all are silent, the fault may lie between us and them: LiveKit must miss the agent as well."""
    if sight.roomless:
        return sight.silent_for_s >= timers.all_silent_s
    if sight.room is None or sight.now_s - view.claimed_s < timers.connect_s:
        return False
    return _our_agent(view, sight.room) is None


def _never_served(view: SessionView, sight: Sight) -> End | None:
    """A user came, and no job ever took the session."""
    room = sight.room
    user_there = any(seen.kind == "user" for seen in view.present.values()) or _user_listed(view, room)
    if room is not None and not room.exists and not user_there:
        return End("user_left" if view.state.admission.room_finished else "room_gone")
    waited_s = sight.now_s - max(view.requested_s, view.joined_s)
    if waited_s >= view.request.limits.join_timeout_s:
        return End("job_lost", view.epoch, "never_claimed")
    return None


def _ghosts(view: SessionView, sight: Sight, end: End) -> list[Action]:
    """A dead agent would sit in the room for 20 s: it goes first."""
    if end.lost_epoch == 0 or sight.roomless:
        return []
    listed = [one.identity for one in _agents(sight.room)] if sight.room is not None and sight.room.exists else []
    if not listed and sight.room is None and view.participant:
        listed = [view.participant]
    return [Remove(identity) for identity in listed]


def _one_agent(view: SessionView, sight: Sight, timers: Timers) -> list[Action]:
    """Every open room with a user has exactly one agent."""
    room = sight.room
    if sight.roomless or room is None:
        return []
    actions: list[Action] = [Remove(one.identity) for one in _intruders(view, room)]
    if view.claimed != 0:
        return actions
    if not room.exists:
        actions.append(OpenRoom())
    wanted = view.request.dispatch == "at_start" or _user_listed(view, room)
    wait_s = timers.claim_wait_s if room.working else timers.agent_wait_s
    died = sight.died_epoch == view.epoch
    if wanted and (died or sight.dispatched_for_s >= wait_s):
        actions.append(Dispatch(view.epoch))
    return actions


def _intruders(view: SessionView, room: Room) -> list[Participant]:
    """Agents that are not the one that claimed; before a claim, all: a job claims before it connects."""
    ours = _our_agent(view, room)
    return [one for one in _agents(room) if one is not ours]


def _our_agent(view: SessionView, room: Room) -> Participant | None:
    """By the identity of the claim; else the first that carries the claimed epoch."""
    if view.claimed == 0:
        return None
    agents = _agents(room)
    named = [one for one in agents if one.identity == view.participant]
    return next(iter(named or [one for one in agents if one.epoch == view.claimed]), None)


def _agents(room: Room | None) -> list[Participant]:
    return [one for one in room.participants if one.agent] if room is not None else []


def _user_listed(view: SessionView, room: Room | None) -> bool:
    return room is not None and any(one.identity == view.request.identity for one in room.participants)


def _user_came(view: SessionView, sight: Sight) -> bool:
    return view.state.admission.user_joined or _user_listed(view, sight.room)


def _unrecorded(view: SessionView, sight: Sight, timers: Timers) -> list[Action]:
    """What webhooks did not tell. LiveKit's list may be older than the log's last word, hence `settle_s`."""
    room = sight.room
    if room is None or not room.exists:
        return []
    joined: list[Action] = [
        Record(RecordJoined(identity=one.identity, sid=one.sid, kind=_kind(view, one)))
        for one in room.participants
        if one.sid not in view.left_sids and _sid_of(view, one.identity) != one.sid
    ]
    listed = {one.identity for one in room.participants}
    left: list[Action] = [
        Record(RecordLeft(identity=identity, sid=there.sid))
        for identity, there in view.present.items()
        if identity not in listed and room.seen_s - there.since_s >= timers.settle_s
    ]
    return [*joined, *left]


def _sid_of(view: SessionView, identity: str) -> str:
    return view.present[identity].sid if identity in view.present else ""


def _kind(view: SessionView, one: Participant) -> Kind:
    if one.agent:
        return "agent"
    return "user" if one.identity == view.request.identity else "other"
