"""Two gateways, one session, one LiveKit, any interleaving: what must hold whatever happens.

A small world in memory carries out what `decide` says, with views that may be old, as a gateway's are; the log's
expectation is the revision check in `World`.
"""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.gateway_views import SESSION, START_S, USER, admitted, ended, fold

from contracts.events import session as events
from gateway.domain import admission, reconcile
from gateway.domain.reconcile import Participant, Room, Sight, Timers, decide
from gateway.domain.view import GATEWAY_JOB, SessionView

pytestmark = pytest.mark.unit

TIMERS = Timers()
EMPTY_TIMEOUT_S = 25.0
"""LiveKit closes a room that nobody is in after `empty_timeout` (here shorter than the settling of the properties): a
gateway whose view was older than the session's end may have opened one for nobody.
"""


class World:
    """The log, LiveKit and the jobs of one session; `looks` are what each of two gateways last saw and then read."""

    def __init__(self, *, at_join: bool) -> None:
        self.log = admitted(dispatch="at_join" if at_join else "at_start", join_timeout_s=20)
        self.looks: list[tuple[dict[str, Participant] | None, SessionView]] = [(None, self.log), (None, self.log)]
        self.now_s = START_S
        self.room: dict[str, Participant] | None = None
        self.empty_for_s = 0.0
        self.waiting_jobs: list[int] = []
        self.alive_agents: set[str] = set()
        self.pulse_s: dict[int, float] = {}
        self.dispatched_s = [float("-inf"), float("-inf")]
        self.worker = True
        self.died = 0
        self.ends = 0
        self.jobs = 0

    def commit(self, view: SessionView, told: list[object], *, writer: str) -> SessionView:
        """Append where `view` is up to date with that stream; a conflict changes nothing."""
        n = "run_n" if writer == "run" else "admission_n"
        if getattr(view, n) != getattr(self.log, n):
            raise Conflict
        before = view
        assert not self.log.state.admission.closed, "closed is the last admission event"
        assert writer != "run" or not self.log.ended, "the end is the last run event"
        self.ends += sum(isinstance(event, events.SessionEnded) for event in told)
        self.log = fold(self.log, *told, writer=writer, at_s=self.now_s)  # type: ignore[arg-type]
        return fold(before, *told, writer=writer, at_s=self.now_s)  # type: ignore[arg-type]

    def sight(self, gateway: int, view: SessionView, room: dict[str, Participant] | None, *, blind: bool) -> Sight:
        there = Room(exists=room is not None, seen_s=self.now_s, participants=tuple((room or {}).values()))
        silent_s = self.now_s - self.pulse_s.get(view.claimed, self.now_s)
        return Sight(
            now_s=self.now_s,
            room=None if blind else there,
            pulse="silent" if view.claimed and silent_s >= 3 else "alive",
            died_epoch=self.died,
            dispatched_for_s=self.now_s - self.dispatched_s[gateway],
        )

    def look(self, gateway: int, *, fresh: bool, blind: bool) -> None:
        """A gateway looks at LiveKit, then reads the log, then acts; not `fresh`: much happened before it acts."""
        now = (dict(self.room) if self.room is not None else None, self.log)
        room, view = now if fresh else self.looks[gateway]
        try:
            for action in decide(view, self.sight(gateway, view, room, blind=blind), TIMERS):
                assert not isinstance(action, reconcile.Dispatch) or view.claimed == 0
                view = self.carry_out(gateway, view, action)
        except Conflict:
            pass
        except admission.SessionOver:
            assert self.log.over
        self.looks[gateway] = now

    def carry_out(self, gateway: int, view: SessionView, action: reconcile.Action) -> SessionView:
        match action:
            case reconcile.Record():
                told = admission.decide(action.fact, view)
                return self.commit(view, list(told), writer="admission") if told else view
            case reconcile.OpenRoom():
                self.room = {} if self.room is None else self.room
            case reconcile.Dispatch():
                self.dispatched_s[gateway] = self.now_s
                if self.worker and self.room is not None:
                    self.waiting_jobs.append(action.epoch)
            case reconcile.Remove():
                (self.room or {}).pop(action.identity, None)
                self.alive_agents.discard(action.identity)
            case reconcile.End():
                return self.take_over(view, action)
            case reconcile.DeleteRoom():
                self.room = None
                self.alive_agents.clear()
            case reconcile.Close():
                return self.commit(view, list(admission.decide(admission.Close(), view)), writer="admission")
        return view

    def take_over(self, view: SessionView, action: reconcile.End) -> SessionView:
        told = []
        if action.lost_epoch:
            told += admission.decide(admission.DeclareLost(epoch=action.lost_epoch, cause=action.cause), view)
        told += admission.decide(admission.AllocateEpoch(after=view.epoch), view)
        view = self.commit(view, list(told), writer="admission")
        claim = events.JobClaimed(epoch=view.epoch, job_id=GATEWAY_JOB, worker_id="gw", participant="")
        return self.commit(view, [claim, events.SessionEnded(reason=action.reason)], writer="run")

    def job_claims(self) -> None:
        """A job of the runtime: it claims only its own epoch, where nothing was claimed and nothing has ended."""
        if not self.waiting_jobs:
            return
        epoch = self.waiting_jobs.pop(0)
        if self.log.claimed >= epoch or self.log.ended or self.room is None:
            return
        self.jobs += 1
        who = f"agent-{self.jobs}"
        claim = events.JobClaimed(epoch=epoch, job_id=who, worker_id="w", participant=who)
        self.commit(self.log, [claim], writer="run")
        self.pulse_s[epoch] = self.now_s
        self.room[who] = Participant(identity=who, sid=f"PA_{who}", agent=True, epoch=epoch)
        self.alive_agents.add(who)

    def job_dies(self) -> None:
        if self.alive_agents:
            self.died = self.log.claimed
            self.alive_agents.clear()

    def job_ends(self) -> None:
        if self.alive_agents and not self.log.ended and self.log.participant in self.alive_agents:
            self.commit(self.log, [events.SessionEnded(reason="agent_ended")], writer="run")
            self.alive_agents.clear()

    def user_joins(self) -> None:
        """LiveKit makes the room anew for somebody with a token."""
        if not self.log.over:
            self.room = self.room or {}
            if USER in self.room:
                return
            self.room[USER] = Participant(identity=USER, sid=f"PA_u{int(self.now_s * 10)}")

    def user_leaves(self) -> None:
        (self.room or {}).pop(USER, None)

    def intruder_joins(self) -> None:
        if self.room is not None:
            self.room["agent-x"] = Participant(identity="agent-x", sid=f"PA_x{int(self.now_s * 10)}", agent=True)

    def livekit_restarts(self) -> None:
        self.room = None

    def worker_goes(self) -> None:
        self.worker = False

    def worker_comes(self) -> None:
        self.worker = True

    def tick(self, seconds: float = 1) -> None:
        """Time passes; a living agent beats, and is back in a room that LiveKit forgot; LiveKit closes empty rooms."""
        self.now_s += seconds
        self.empty_for_s = self.empty_for_s + seconds if self.room == {} else 0.0
        if self.empty_for_s >= EMPTY_TIMEOUT_S:
            self.room = None
        for who in self.alive_agents:
            self.room = self.room if self.room is not None else {}
            again = Participant(identity=who, sid=f"PA_{who}_{int(self.now_s)}", agent=True, epoch=self.log.claimed)
            self.room.setdefault(who, again)
            self.pulse_s[self.log.claimed] = self.now_s


class Conflict(Exception):
    """The log had moved on."""


HAPPENINGS: list[Callable[[World], None]] = [
    World.job_claims,
    World.job_dies,
    World.job_ends,
    World.user_joins,
    World.user_leaves,
    World.intruder_joins,
    World.livekit_restarts,
    World.worker_goes,
    World.worker_comes,
    World.tick,
    lambda world: world.tick(5),
    lambda world: world.look(0, fresh=True, blind=False),
    lambda world: world.look(1, fresh=True, blind=False),
    lambda world: world.look(0, fresh=False, blind=False),
    lambda world: world.look(1, fresh=False, blind=True),
]


@settings(max_examples=400, deadline=None)
@given(at_join=st.booleans(), happenings=st.lists(st.sampled_from(HAPPENINGS), max_size=40))
def test_whatever_happens_a_session_gets_at_most_one_end_and_settles_once_left_alone(
    at_join: bool, happenings: list[Callable[[World], None]]
) -> None:
    world = World(at_join=at_join)
    for happening in happenings:
        happening(world)
    assert world.ends <= 1

    # From here on nobody comes, no worker either, and the user has gone: within bounds it must end and close.
    world.job_dies()
    world.worker = False
    world.waiting_jobs.clear()
    world.user_leaves()
    for _ in range(40):
        world.tick()
        world.look(0, fresh=True, blind=False)
        world.look(1, fresh=False, blind=False)
    assert world.ends == 1
    assert world.log.state.admission.closed
    assert world.room is None


@settings(max_examples=200, deadline=None)
@given(happenings=st.lists(st.sampled_from(HAPPENINGS), max_size=30))
def test_an_open_room_with_a_user_and_a_worker_has_exactly_one_agent_within_five_seconds(
    happenings: list[Callable[[World], None]],
) -> None:
    world = World(at_join=False)
    for happening in happenings:
        happening(world)
    world.worker = True
    for _ in range(5):
        world.tick()
        world.user_joins()
        world.look(0, fresh=True, blind=False)
        world.job_claims()
        world.look(1, fresh=True, blind=False)
    if world.log.ended:
        return
    agents = [one for one in (world.room or {}).values() if one.agent]
    assert [one.identity for one in agents] == [world.log.participant]


def test_an_end_by_the_job_and_one_by_a_gateway_cannot_both_happen() -> None:
    world = World(at_join=False)
    world.look(0, fresh=True, blind=False)
    world.job_claims()
    old = world.log
    world.job_ends()

    with pytest.raises(Conflict):
        world.take_over(old, reconcile.End("job_lost", 1))
    assert world.ends == 1
    assert world.log.state.run.end == "agent_ended"


def test_the_world_itself_follows_the_log() -> None:
    assert ended(World(at_join=False).log).over
    assert World(at_join=False).log.session == SESSION
