"""Keeps the slots equal to the log: counted while a session is open, given back when it is over, reclaimed when nothing
followed. Every gateway does it; each step is safe to repeat.
"""

import asyncio
import contextlib

import structlog

from chassis.event_log import LogFault
from chassis.postgres.faults import is_passing
from contracts.ids import SessionId
from gateway.adapters.places import Places, Slot
from gateway.adapters.session_streams import SessionStreams
from gateway.adapters.webhooks_seen import WebhooksSeen
from gateway.domain.view import SessionView
from gateway.handlers.open_sessions import OpenSessions

log = structlog.get_logger(__name__)
_SWEEP_EVERY_S = 5.0
_RETRY_S = 1.0


class SlotKeeper:
    """`expiry_s`: a slot that has had no event for so long is reclaimed."""

    def __init__(
        self,
        *,
        sessions: OpenSessions,
        streams: SessionStreams,
        places: Places,
        webhooks: WebhooksSeen,
        expiry_s: float = 30,
        sweep_every_s: float = _SWEEP_EVERY_S,
    ) -> None:
        self._sessions, self._streams, self._places, self._webhooks = sessions, streams, places, webhooks
        self._expiry_s, self._sweep_every_s = expiry_s, sweep_every_s
        self._opened: dict[SessionId, SessionView] = {}
        self._over: dict[SessionId, None] = {}
        self._heard = asyncio.Event()
        sessions.on_open, sessions.on_over = self._on_open, self._on_over

    async def keep(self) -> None:
        """Carry what is heard into the table, as it is heard."""
        while True:
            await self._heard.wait()
            self._heard.clear()
            try:
                await self._flush()
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("slots_not_written", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)
                self._heard.set()

    async def sweep(self) -> None:
        """Reclaim slots, from time to time; the first time as soon as the log's past is known."""
        await self._sessions.caught_up.wait()
        while True:
            try:
                for slot in await self._places.slots():
                    await self._check(slot)
                await self._webhooks.forget_old()
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("slot_sweep_interrupted", error=type(error).__name__)
            await asyncio.sleep(self._sweep_every_s)

    def _on_open(self, view: SessionView) -> None:
        self._opened[view.session] = view
        self._heard.set()

    def _on_over(self, view: SessionView) -> None:
        self._opened.pop(view.session, None)
        self._over[view.session] = None
        self._heard.set()

    async def _flush(self) -> None:
        over, opened = list(self._over), list(self._opened.values())
        if opened:
            await self._places.count_open([view.customer for view in opened], [view.session for view in opened])
        if over:
            await self._places.free(over)
        for view in opened:
            self._opened.pop(view.session, None)
        for session in over:
            self._over.pop(session, None)

    async def _check(self, slot: Slot) -> None:
        view = self._sessions.get(slot.session)
        if view is not None and not view.over:
            return
        if not slot.admitted and slot.age_s < self._expiry_s:
            return
        if await self._vacant(slot):
            await self._places.free([slot.session])
            log.info("slot_reclaimed", session=slot.session)

    async def _vacant(self, slot: Slot) -> bool:
        with contextlib.suppress(LogFault):
            if not await self._streams.exists(slot.customer, slot.session):
                return await self._streams.refuse_expired(slot.customer, slot.session)
            return (await self._streams.load(slot.customer, slot.session)).over
        return False
