"""Ends the sessions of suspended customers. One runs in every gateway, and looks at what is, not at what is news: so it
makes no difference when the suspension was written, and which gateway let a session in meanwhile.
"""

import asyncio

import structlog

from chassis.clock import Clock
from chassis.postgres.faults import is_passing
from contracts.ids import SessionId
from gateway.adapters.catalogue import Catalogue
from gateway.domain.suspension import must_end
from gateway.domain.view import SessionView
from gateway.handlers.endings import Endings
from gateway.handlers.open_sessions import OpenSessions

log = structlog.get_logger(__name__)
_AT_ONCE = 16


class Suspending:
    """A live job is asked first, and has `patience_s` to say goodbye; then the session is taken from it. Seconds."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        sessions: OpenSessions,
        endings: Endings,
        clock: Clock,
        look_every_s: float = 0.5,
        patience_s: float = 30,
    ) -> None:
        self._catalogue, self._sessions, self._endings, self._clock = catalogue, sessions, endings, clock
        self._look_every_s, self._patience_s = look_every_s, patience_s
        self._asked_s: dict[SessionId, float] = {}

    async def run(self) -> None:
        """For ever; what is out of reach is tried again at the next look."""
        await self._catalogue.caught_up.wait()
        await self._sessions.caught_up.wait()
        while True:
            standing = self._catalogue.standing
            due = [view for view in self._sessions.views() if must_end(view, standing(view.customer))]
            for start in range(0, len(due), _AT_ONCE):
                await asyncio.gather(*(self._end(view) for view in due[start : start + _AT_ONCE]))
            open_now = {view.session for view in due}
            self._asked_s = {session: at_s for session, at_s in self._asked_s.items() if session in open_now}
            await asyncio.sleep(self._look_every_s)

    async def _end(self, view: SessionView) -> None:
        now_s = self._clock.monotonic()
        asked_s = self._asked_s.get(view.session)
        if asked_s is not None and now_s - asked_s < self._patience_s:
            return
        by = self._catalogue.standing(view.customer).by
        try:
            ending = await self._endings.end(
                view.customer, view.session, actor=by, reason="customer_suspended", politely=asked_s is None
            )
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("suspension_interrupted", session=view.session, fault=type(error).__name__)
            return
        self._asked_s.setdefault(view.session, now_s)
        self._sessions.take(ending)
        log.info("session_of_suspended_customer_ending", session=view.session, over=ending.over)
