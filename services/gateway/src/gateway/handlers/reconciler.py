"""Looks at every open session about once a second, and at once when something is heard of it, and does what
`gateway.domain.reconcile` says. One runs in every gateway; the log's expectation decides between them.
"""

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from chassis.clock import Clock
from chassis.event_log import LogFault, RevisionConflict
from chassis.postgres.faults import is_passing
from chassis.tasks import Tasks
from chassis.telemetry.tracing import continued
from contracts.commands.jobs import JobDeathTaken, JobDied, JobMetadata
from contracts.ids import DEPLOYMENT, CustomerId, SessionId
from contracts.providers import ProviderName
from gateway.adapters.places import Places
from gateway.adapters.rooms import LiveKitFault, Rooms
from gateway.adapters.session_streams import SessionStreams
from gateway.domain import admission, reconcile
from gateway.domain.reconcile import Action, Pulse, Room, Sight, Timers
from gateway.domain.view import SessionView
from gateway.handlers.endings import Endings
from gateway.handlers.open_sessions import OpenSessions

log = structlog.get_logger(__name__)
_EVERY_S = 1.0
_WORKERS = 8
_DEPARTURE_S = 30
_AFTER_DEATH_S = 0.5

PulseOf = Callable[[SessionId, int], tuple[Pulse, float]]


class _Memory(msgspec.Struct):
    """What this gateway remembers of a session beside the log; monotonic seconds."""

    lock: asyncio.Lock
    new: bool = False
    looked_s: float = float("-inf")
    missing_since_s: float | None = None
    dispatched_s: float = float("-inf")
    died_epoch: int = 0


class Reconciler:
    """`rooms` is None where there is no LiveKit; `empty_timeout_s` how long a room waits for its first participant.

    `own_providers` says at which providers a customer has a key of its own. It must know by the time of `run`: a job
    that is not told of a key uses the deployment's.
    """

    def __init__(
        self,
        *,
        sessions: OpenSessions,
        streams: SessionStreams,
        endings: Endings,
        places: Places,
        rooms: Rooms | None,
        pulse: PulseOf,
        own_providers: Callable[[CustomerId], list[ProviderName]],
        clock: Clock,
        empty_timeout_s: int,
        timers: Timers | None = None,
        look_every_s: float = 10,
    ) -> None:
        self._sessions, self._streams, self._endings, self._places = sessions, streams, endings, places
        self._rooms, self._pulse, self._clock = rooms, pulse, clock
        self._own_providers = own_providers
        self._empty_timeout_s, self._timers, self._look_every_s = empty_timeout_s, timers or Timers(), look_every_s
        self._memories: dict[SessionId, _Memory] = {}
        self._due: dict[SessionId, None] = {}
        self._woken = asyncio.Event()

    def wake(self, session: SessionId, *, new: bool = False) -> None:
        """Look at a session soon; `new`: it was just admitted here, so its room cannot be there yet."""
        if new:
            self._memory(session).new = True
        self._due[session] = None
        self._woken.set()

    async def run(self) -> None:
        """For ever; what is out of reach is tried again a second later."""
        async with Tasks() as tasks:
            for number in range(_WORKERS):
                tasks.start(self._work(), name=f"gateway.reconciler.{number}")
            tasks.start(self._schedule(), name="gateway.reconciler.schedule")
            await tasks.wait_for_death()

    async def report_death(self, died: JobDied) -> JobDeathTaken:
        """A worker saw its job process die. Raises LogFault when the log is out of reach."""
        view = await self._streams.load(died.customer, died.session)
        if not view.known or view.over:
            return JobDeathTaken(action="nothing")
        self._sessions.take(view)
        before_claim = view.claimed == 0 and died.epoch == view.epoch
        ours = view.claimed == died.epoch and view.state.run.job_id == died.job_id
        if not (before_claim or ours):
            return JobDeathTaken(action="nothing")
        self._memory(died.session).died_epoch = died.epoch
        log.warning("job_died", session=died.session, epoch=died.epoch, job=died.job_id, exit_code=died.exit_code)
        await self._reconcile(died.session)
        if not ours:
            return JobDeathTaken(action="redispatched")
        after = self._sessions.get(died.session)
        if after is not None and not after.over:
            # The worker asks again, and another gateway may have more luck.
            raise LogFault("the session's end is not in the log yet")
        return JobDeathTaken(action="ended")

    async def _schedule(self) -> None:
        while True:
            views = self._sessions.views()
            for view in views:
                if self._is_due(view):
                    self.wake(view.session)
            open_now = {view.session for view in views}
            self._memories = {id: kept for id, kept in self._memories.items() if id in open_now or id in self._due}
            await asyncio.sleep(_EVERY_S)

    def _is_due(self, view: SessionView) -> bool:
        sight = self._sight(view, room=None)
        if reconcile.look_at_room(view, sight) or reconcile.decide(view, sight, self._timers):
            return True
        return self._rooms is not None and self._since(self._memory(view.session).looked_s) >= self._look_every_s

    async def _work(self) -> None:
        while True:
            while not self._due:
                self._woken.clear()
                await self._woken.wait()
            session = next(iter(self._due))
            del self._due[session]
            await self._reconcile(session)

    async def _reconcile(self, session: SessionId) -> None:
        """One look and what follows from it; its faults end here, since the next look comes by itself."""
        memory = self._memory(session)
        async with memory.lock:
            try:
                await self._step(session, memory)
            except RevisionConflict:
                self.wake(session)
            except admission.SessionOver:
                log.info("session_over_meanwhile", session=session)
            except (LiveKitFault, LogFault) as fault:
                log.warning("reconcile_interrupted", session=session, fault=type(fault).__name__, why=str(fault))
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("reconcile_interrupted", session=session, fault=type(error).__name__)

    async def _step(self, session: SessionId, memory: _Memory) -> None:
        view = self._sessions.get(session)
        if view is None:
            return
        new, memory.new = memory.new, False
        sight = self._sight(view, room=await self._look(view, memory, new=new))
        if not reconcile.decide(view, sight, self._timers):
            return
        if not new:
            view = await self._streams.load(view.customer, view.session)
            self._sessions.take(view)
            sight = self._sight(view, room=sight.room)
        with continued(view.traceparent, "reconcile session"):
            for action in reconcile.decide(view, sight, self._timers):
                view = await self._carry_out(view, action, memory, new=new)

    async def _look(self, view: SessionView, memory: _Memory, *, new: bool) -> Room | None:
        if self._rooms is None:
            return None
        now_s = self._clock.now().timestamp()
        memory.looked_s = self._clock.monotonic()
        if new:
            return Room(exists=False, seen_s=now_s)
        try:
            room = await self._rooms.look(view.request.room, now_s=now_s, dispatches=view.claimed == 0)
        except LiveKitFault as fault:
            log.warning("livekit_unavailable", session=view.session, why=str(fault))
            return None
        if room.exists:
            memory.missing_since_s = None
            return room
        if memory.missing_since_s is None:
            memory.missing_since_s = memory.looked_s
        return msgspec.structs.replace(room, missing_for_s=self._since(memory.missing_since_s))

    def _sight(self, view: SessionView, *, room: Room | None) -> Sight:
        memory = self._memory(view.session)
        pulse: tuple[Pulse, float] = ("alive", 0)
        if view.claimed and not view.over:
            pulse = self._pulse(view.session, view.claimed)
        return Sight(
            now_s=self._clock.now().timestamp(),
            room=room,
            roomless=self._rooms is None,
            pulse=pulse[0],
            silent_for_s=pulse[1],
            died_epoch=memory.died_epoch,
            dispatched_for_s=self._since(memory.dispatched_s),
        )

    async def _carry_out(self, view: SessionView, action: Action, memory: _Memory, *, new: bool) -> SessionView:
        match action:
            case reconcile.Record():
                view, _ = await self._streams.append(view, action.fact)
                self._sessions.take(view)
            case reconcile.End():
                log.info("session_taken_over", session=view.session, reason=action.reason, lost_epoch=action.lost_epoch)
                view = await self._endings.take_over(
                    view, action.reason, lost_epoch=action.lost_epoch, cause=action.cause
                )
                self.wake(view.session)
            case reconcile.Close():
                view, _ = await self._streams.append(view, admission.Close())
                self._sessions.take(view)
            case reconcile.Dispatch():
                await self._dispatch(view, action.epoch, memory, new=new)
            case reconcile.Remove():
                await self._remove(view, action.identity, memory)
            case _:
                await self._change_room(view, action)
        return view

    async def _change_room(self, view: SessionView, action: reconcile.OpenRoom | reconcile.DeleteRoom) -> None:
        assert self._rooms is not None
        room = view.request.room
        match action:
            case reconcile.OpenRoom():
                departure_s = view.request.limits.grace_s + _DEPARTURE_S
                await self._rooms.open_room(
                    room, empty_timeout_s=self._empty_timeout_s, departure_timeout_s=departure_s
                )
            case reconcile.DeleteRoom():
                await self._rooms.delete_room(room)
                self.wake(view.session)

    async def _remove(self, view: SessionView, identity: str, memory: _Memory) -> None:
        """An end must not wait for a LiveKit that is away: whoever is still there is met by the next look."""
        assert self._rooms is not None
        try:
            await self._rooms.remove(view.request.room, identity)
        except LiveKitFault as fault:
            memory.looked_s = float("-inf")
            log.warning("agent_not_removed", session=view.session, identity=identity, why=str(fault))
        else:
            log.warning("agent_removed", session=view.session, identity=identity)

    async def _dispatch(self, view: SessionView, epoch: int, memory: _Memory, *, new: bool) -> None:
        """Another gateway may have seen the same need: one of them has the turn."""
        assert self._rooms is not None
        wait_s = _AFTER_DEATH_S if memory.died_epoch else self._timers.agent_wait_s
        memory.died_epoch = 0
        memory.dispatched_s = self._clock.monotonic()
        if not new and not await self._places.may_dispatch(view.session, wait_s=wait_s):
            return
        metadata = JobMetadata(
            session=view.session,
            customer=view.customer,
            epoch=epoch,
            version=view.request.version,
            keyid=view.keyid,
            identity=view.request.identity,
            livemode=view.livemode,
            traceparent=view.traceparent,
            own_providers=self._own_providers(view.customer),
            deployment_providers=self._own_providers(DEPLOYMENT),
        )
        await self._rooms.dispatch(view.request.room, metadata)
        log.info("job_dispatched", session=view.session, epoch=epoch)

    def _memory(self, session: SessionId) -> _Memory:
        return self._memories.setdefault(session, _Memory(asyncio.Lock()))

    def _since(self, moment_s: float) -> float:
        return self._clock.monotonic() - moment_s
