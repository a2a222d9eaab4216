"""Panels as this service's edge shows them: folded from sealed revisions, opened on the way, kept nowhere."""

from collections.abc import Iterable

import structlog
from asyncpg import Pool

from chassis.errors import NotFound
from chassis.event_log import EventLog
from chassis.http.parameters import position
from chassis.key_ring import KeyRing
from chassis.postgres.faults import PositionOfAnotherLog
from chassis.postgres.wait import wait_for_position
from chassis.principal import Principal
from chassis.sealing import SealBroken
from contracts.ids import CustomerId, SessionId
from contracts.registry import Personal
from contracts.sealed import Sealed
from contracts.subjects import Log, partition
from panel_bridge.domain.panel_view import PanelView, viewed
from panel_bridge.domain.revision import Revision
from panel_bridge.read_models.panel_state import PanelState, knows, revisions_of

SERVICE = "panel_bridge"
_WAIT_S = 2.0

log = structlog.get_logger(__name__)


class NoSuchSession(NotFound):
    """No such session, or another customer's."""

    code, title = "session_not_found", "There is no such session"


class Panels:
    """Finds a customer's sessions and shows their panels."""

    def __init__(self, *, pool: Pool, event_log: EventLog, keys: KeyRing) -> None:
        self._pool, self._event_log, self._keys = pool, event_log, keys

    async def find(self, principal: Principal, session: str, *, min_position: str | None = None) -> SessionId:
        """The session, once the read model holds everything up to `min_position`; waits at most 2 s.

        Raises BadPosition, NoSuchSession, Behind, PositionOfAnotherLog.
        """
        wanted = position(min_position, name="min_position")
        if wanted is not None:
            await wait_for_position(self._pool, SERVICE, PanelState.name, wanted, timeout_s=_WAIT_S)
        if not await knows(self._pool, customer=principal.customer, session=session):
            raise NoSuchSession
        return SessionId(session)

    async def show(
        self, customer: CustomerId, session: SessionId, *, at: str | None = None, panel: str | None = None
    ) -> list[PanelView]:
        """Every panel instance, in the order of their first opening, as after the event at the position `at`."""
        place = await self._place(customer, session, at)
        revisions = await revisions_of(self._pool, customer=customer, session=session, at=place, panel=panel)
        return await self._folded(customer, session, revisions)

    async def _place(self, customer: CustomerId, session: SessionId, at: str | None) -> tuple[int, int] | None:
        wanted = position(at, name="at")
        if wanted is None:
            return None
        incarnation = await self._event_log.incarnation(Log.SESSIONS)
        here = (Log.SESSIONS, incarnation, partition(customer, session))
        if (wanted.log, wanted.incarnation, wanted.partition) != here:
            raise PositionOfAnotherLog
        return wanted.order

    async def _folded(self, customer: CustomerId, session: SessionId, revisions: Iterable[Revision]) -> list[PanelView]:
        views: dict[tuple[str, str], PanelView] = {}
        for revision in revisions:
            key = (revision.panel, revision.instance)
            opened = await self._open(customer, session, revision.content)
            views[key] = viewed(views.get(key), revision, opened)
        return list(views.values())

    async def _open(self, customer: CustomerId, session: SessionId, sealed: Sealed | None) -> Personal | None:
        """None where there is nothing to open, or it cannot be: erased, or tampered with."""
        if sealed is None:
            return None
        try:
            return await self._keys.open(sealed.envelope(customer=customer, session=session))
        except SealBroken:
            log.error("seal_broken", event_id=sealed.event, session_id=session)
            return None
