"""Where panel decisions are carried out: the board decides, the surface carries, the recorder writes.

One command at a time per panel. A command that has gone out is seen through even when the tool that gave it is
cancelled, since the participant's screen may have changed by then.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

import structlog

from chassis.ids import new_id
from chassis.tasks import Tasks
from contracts.ids import PanelId
from contracts.panels import wire
from contracts.panels.refusals import Busy, InternalFault, PanelRefused
from runtime.adapters.recorder import SessionRecorder
from runtime.domain.panel_decisions import BadEvent, Command, Fact, Received, Settled
from runtime.domain.panels import PanelBoard
from runtime.surface import Surface, SurfaceSilent

log = structlog.get_logger()

SYNC_ACK_S = 2.0


class PanelDesk:
    """The panels of one live session."""

    def __init__(self, *, board: PanelBoard, surface: Surface, recorder: SessionRecorder, tasks: Tasks) -> None:
        self.board = board
        self._surface, self._recorder, self._tasks = surface, recorder, tasks
        self._locks: dict[PanelId, asyncio.Lock] = {}
        self._unacked: deque[tuple[int, int]] = deque()
        self._rereading: set[PanelId] = set()

    async def command(self, panel: PanelId, build: Callable[[], Command]) -> Settled:
        """Give the command that `build` makes, once the panel is free. Raises what `build` raises."""
        running = self._tasks.start(self._give(panel, build), name=f"panel command {panel}")
        outcome: Settled | PanelRefused = await asyncio.shield(running)
        if isinstance(outcome, PanelRefused):
            raise outcome
        return outcome

    def received(self, event: wire.PanelEvent | BadEvent) -> None:
        """An event from the participant: applied now, acknowledged when it is in the log."""
        before = self.board.seq
        self._keep(self.board.receive(event))
        if event.seq <= before and not self._unacked:
            # Sent again, so the page never saw the acknowledgement.
            self._surface.send_ack(self.board.seq)

    def in_log(self, n: int) -> None:
        """Every event up to `n` is in the log: tell the page how far its own have come."""
        seq = 0
        while self._unacked and self._unacked[0][0] <= n:
            seq = self._unacked.popleft()[1]
        if seq:
            self._surface.send_ack(seq)

    async def sync(self, held: wire.PanelSync) -> wire.PanelSyncAnswer:
        """What the page lacks. It goes on counting from an event that is in the log, never from one only applied."""
        if self._unacked and not await self._recorder.acked(self._unacked[-1][0], timeout_s=SYNC_ACK_S):
            raise Busy("the record is behind; ask again")
        return self.board.sync(held)

    def record(self, facts: Iterable[Fact], *, actor: str = "") -> int:
        """Record in order; returns the last `n`."""
        n = 0
        for fact in facts:
            n = self._recorder.record(fact.data, fact.personal, actor=actor)
        return n

    def record_snapshots(self) -> None:
        """The whole content of every open panel, for the end."""
        self.record(self.board.snapshots())

    async def _give(self, panel: PanelId, build: Callable[[], Command]) -> Settled | PanelRefused:
        async with self._locks.setdefault(panel, asyncio.Lock()):
            try:
                command = build()
            except PanelRefused as refused:
                return refused
            self.record(command.facts, actor=command.by)
            try:
                answer = await self._surface.call(command.method, command.request)
            except SurfaceSilent as silent:
                settled, received = self.board.unanswered(command, InternalFault(str(silent)))
            else:
                settled, received = self.board.answer(command, answer)
            self.record(settled.facts, actor=command.by)
            self._keep(received)
            return settled

    def _keep(self, received: Received) -> None:
        for fact in received.facts:
            n = self._recorder.record(fact.data, fact.personal, actor="user")
            seq = getattr(fact.data, "seq", 0)
            if n and seq:
                self._unacked.append((n, seq))
        for panel in received.resync:
            if panel not in self._rereading:
                self._rereading.add(panel)
                self._tasks.start(self._reread(panel), name=f"panel reread {panel}")

    async def _reread(self, panel: PanelId) -> None:
        """Ask the page for the content of a panel about which something was missed."""
        try:
            request = wire.PanelRequest(
                op_id=new_id("op"), panel=panel, instance=wire.DEFAULT_INSTANCE, action="read", args={}
            )
            async with self._locks.setdefault(panel, asyncio.Lock()):
                answer = await self._surface.call(wire.RPC_READ, request)
                self.record(self.board.reread(panel, answer))
        except SurfaceSilent:
            log.warning("panel_not_reread", panel=panel)
        finally:
            self._rereading.discard(panel)
