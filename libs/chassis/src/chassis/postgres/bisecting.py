"""Finds the events that a projection cannot apply, so that only their sessions stop.

A batch that failed is halved, each half in a savepoint, until single commits remain. Order is kept: the left half is
in before the right is tried, and a session parked on the left is left out on the right.
"""

from collections.abc import Callable

from chassis.event_log import Commit
from chassis.postgres.decoding import DecodedCommit
from chassis.postgres.faults import is_passing
from chassis.postgres.parking import ParkedSession, owner_pair
from chassis.postgres.pool import Connection
from chassis.projection import Projection

MakeParked = Callable[[Commit, int, str, Exception], ParkedSession]


async def apply_or_park(
    connection: Connection, projection: Projection, batch: list[DecodedCommit], make_parked: MakeParked
) -> dict[tuple[str, str], ParkedSession]:
    """Apply what can be applied, inside the caller's transaction; return the sessions to park, by (customer, subject).

    Raises what the server or the network raises; nothing else.
    """
    search = _Bisection(connection, projection, make_parked)
    await search.apply(batch)
    return search.parked


class _Bisection:
    def __init__(self, connection: Connection, projection: Projection, make_parked: MakeParked) -> None:
        self._connection, self._projection, self._make_parked = connection, projection, make_parked
        self.parked: dict[tuple[str, str], ParkedSession] = {}

    async def apply(self, batch: list[DecodedCommit]) -> None:
        batch = [each for each in batch if owner_pair(each.owner) not in self.parked]
        if not batch:
            return
        error = await self._try(batch)
        if error is None:
            return
        if len(batch) == 1:
            await self._park(batch[0], error)
            return
        middle = len(batch) // 2
        await self.apply(batch[:middle])
        await self.apply(batch[middle:])

    async def _try(self, batch: list[DecodedCommit], *, events: int | None = None) -> Exception | None:
        """Apply in a savepoint; with `events` only so many of them, and always undone."""
        chosen = [event for each in batch for event in each.events][:events]
        attempt = self._connection.transaction()
        await attempt.start()
        try:
            await self._projection.apply(self._connection, chosen)
        except Exception as error:
            if is_passing(error, closed=self._connection.is_closed()):
                raise
            await attempt.rollback()
            return error
        await (attempt.commit() if events is None else attempt.rollback())
        return None

    async def _park(self, culprit: DecodedCommit, error: Exception) -> None:
        index = await self._failing_index(culprit)
        event_id = culprit.events[index].envelope.id
        self.parked[owner_pair(culprit.owner)] = self._make_parked(culprit.commit, index, event_id, error)

    async def _failing_index(self, culprit: DecodedCommit) -> int:
        """The first event without which the commit would have applied: prefixes that hold it fail, shorter do not."""
        low, high = 1, len(culprit.events)
        while low < high:
            middle = (low + high) // 2
            if await self._try([culprit], events=middle) is None:
                low = middle + 1
            else:
                high = middle
        return low - 1
