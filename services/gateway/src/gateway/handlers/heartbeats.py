"""Listens to the heartbeats of all jobs, and to its own, over core NATS."""

import asyncio
import contextlib

import nats.errors
from nats.aio.msg import Msg

from chassis.clock import Clock
from chassis.nats.connection import Client
from contracts.ids import SessionId
from contracts.subjects import HEARTBEATS, heartbeat_subject
from gateway.domain.liveness import Listening
from gateway.domain.reconcile import Pulse

_BEAT_EVERY_S = 0.5
_FORGET_EVERY = 60
_WAITING = 65_536


class Heartbeats:
    """`instance` names this gateway; its beats carry the epoch 0, which no job has."""

    def __init__(self, *, nats: Client, clock: Clock, instance: str) -> None:
        self._nats, self._clock, self._instance = nats, clock, instance
        self._listening = Listening(now_s=clock.monotonic())

    def pulse(self, session: SessionId, epoch: int) -> tuple[Pulse, float]:
        """See Listening.pulse."""
        return self._listening.pulse(session, epoch, self._clock.monotonic())

    async def listen(self) -> None:
        """Beat and listen, for ever."""
        subscription = await self._nats.subscribe(HEARTBEATS, cb=self._hear, pending_msgs_limit=_WAITING)
        try:
            while True:
                for _ in range(_FORGET_EVERY):
                    await self._beat()
                    await asyncio.sleep(_BEAT_EVERY_S)
                self._listening.forget(self._clock.monotonic())
        finally:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _beat(self) -> None:
        """While the connection is down nothing is heard either, and nobody is declared lost."""
        if not self._nats.is_connected:
            return
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._nats.publish(heartbeat_subject(SessionId(self._instance), 0))

    async def _hear(self, message: Msg) -> None:
        now_s = self._clock.monotonic()
        _, session, epoch = message.subject.split(".", 2)
        if session == self._instance:
            self._listening.echo(now_s)
        elif epoch.isascii() and epoch.isdigit() and epoch != "0":
            self._listening.hear(session, int(epoch), now_s)
