"""Sessions as this service's edge finds them: the asker's own, and not older than they asked for."""

import msgspec
from asyncpg import Pool

from chassis.errors import NotFound
from chassis.event_log import EventLog
from chassis.http.parameters import position
from chassis.postgres.faults import PositionOfAnotherLog
from chassis.postgres.wait import wait_for_position
from chassis.principal import Principal
from contracts.ids import CustomerId, SessionId
from contracts.positions import Position
from contracts.subjects import Log, partition
from ledger.read_models.record import heads_of

RECORD = "record_sessions"
_WAIT_S = 2.0


class NoSuchSession(NotFound):
    """No such session, or another customer's."""

    code, title = "session_not_found", "There is no such session"


class FoundSession(msgspec.Struct, frozen=True):
    """A session of the asker's customer, of which the record has something."""

    customer: CustomerId
    session: SessionId


class Sessions:
    """Finds sessions, and spells and reads the positions of their events."""

    def __init__(self, *, pool: Pool, log: EventLog) -> None:
        self._pool, self._log = pool, log

    async def find(
        self, principal: Principal, session: str, *, min_position: str | None = None, read_model: str = RECORD
    ) -> FoundSession:
        """The session, once the record and `read_model` hold everything up to `min_position`; waits at most 2 s each.

        Raises BadPosition, NoSuchSession, Behind, PositionOfAnotherLog.
        """
        wanted = position(min_position, name="min_position")
        for projection in dict.fromkeys((RECORD, read_model)) if wanted else ():
            assert wanted is not None
            await wait_for_position(self._pool, "ledger", projection, wanted, timeout_s=_WAIT_S)
        if not await heads_of(self._pool, customer=principal.customer, session=session):
            raise NoSuchSession
        return FoundSession(principal.customer, SessionId(session))

    async def place(self, found: FoundSession, text: str | None, *, name: str) -> Position | None:
        """The position in the query parameter `name`, if it is one of this session's; raises as `find`."""
        wanted = position(text, name=name)
        if wanted is None:
            return None
        here = await self.position(found, wanted.sequence, wanted.index)
        if here != wanted:
            raise PositionOfAnotherLog
        return wanted

    async def position(self, found: FoundSession, sequence: int, index: int) -> Position:
        """The position of an event of the session."""
        incarnation = await self._log.incarnation(Log.SESSIONS)
        number = partition(found.customer, found.session)
        return Position(Log.SESSIONS, incarnation, number, sequence, index)
