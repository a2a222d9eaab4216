"""The tables delivery and delivery_attempt: what is to be told, what was, and what nobody would hear."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from chassis.postgres.pool import Pool
from chassis.postgres.row_security import customers_rows
from chassis.projection import Db
from contracts.ids import CustomerId

State = Literal["waiting", "delivered", "dead"]
KEPT_DAYS = 30


class NewDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one endpoint; `(sequence, index)` is the event's place in the log."""

    customer: CustomerId
    endpoint: str
    event: str
    session: str
    sequence: int
    index: int
    told: str
    body: bytes


class DueDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One that is to be sent now, by whoever took it; `attempts` were made before."""

    customer: CustomerId
    endpoint: str
    event: str
    session: str
    told: str
    body: bytes
    attempts: int


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try: the answer's status, or the fault's code where there was no answer."""

    at: datetime
    status: int | None
    fault: str
    ms: int


class KeptDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One as it stands."""

    event: str
    session: str
    told: str
    state: State
    attempts: int
    next_at: datetime
    cause: str
    made_at: datetime
    settled_at: datetime | None
    sequence: int
    index: int


_NEW = NewDelivery.__struct_fields__
_KEPT = ", ".join(KeptDelivery.__struct_fields__)

_ADD = (
    f"insert into delivery ({', '.join(_NEW)})"  # noqa: S608 (names of this file)
    f" values ({', '.join(f'${number}' for number in range(1, len(_NEW) + 1))}) on conflict do nothing"
)

_TAKE = """
with busy as (
    select endpoint, count(*) as number from delivery where state = 'waiting' and leased_until > now() group by endpoint
), first as (
    select distinct on (endpoint, session) endpoint, event, next_at, leased_until from delivery
    where state = 'waiting' order by endpoint, session, sequence, index
), ready as (
    select first.endpoint, first.event,
        row_number() over (partition by first.endpoint order by first.next_at) + coalesce(busy.number, 0) as place
    from first left join busy using (endpoint)
    where first.next_at <= now() and (first.leased_until is null or first.leased_until <= now())
), taken as (
    select d.endpoint, d.event from delivery d join ready using (endpoint, event)
    where ready.place <= $1 and d.state = 'waiting' and (d.leased_until is null or d.leased_until <= now())
    limit $2 for update of d skip locked
)
update delivery d set leased_until = now() + make_interval(secs => $3) from taken
where d.endpoint = taken.endpoint and d.event = taken.event
returning d.customer, d.endpoint, d.event, d.session, d.told, d.body, d.attempts
"""


async def add_deliveries(db: Db, deliveries: Sequence[NewDelivery]) -> None:
    """Within the caller's transaction; what is there already stays as it is."""
    await db.executemany(_ADD, [[getattr(one, name) for name in _NEW] for one in deliveries])


class Deliveries:
    """Raises asyncpg.PostgresError or OSError when out of reach."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(self, *, at_once: int, limit: int, lease_s: float) -> list[DueDelivery]:
        """What is due, leased for `lease_s`: of each endpoint at most `at_once` together, of each session the first."""
        rows = await self._pool.fetch(_TAKE, at_once, limit, lease_s)
        return [DueDelivery(**dict(row)) for row in rows]

    async def settle(
        self, due: DueDelivery, state: State, *, cause: str, pause_s: float = 0, tried: bool = True
    ) -> None:
        """What came of it: it waits for `pause_s` seconds more, or is delivered or dead; `tried` counts an attempt."""
        await self._pool.execute(
            "update delivery set state = $3, cause = $4, attempts = attempts + $6, leased_until = null,"
            " next_at = now() + make_interval(secs => $5),"
            " settled_at = case when $3 = 'waiting' then null else now() end"
            " where endpoint = $1 and event = $2 and state = 'waiting'",
            due.endpoint,
            due.event,
            state,
            cause,
            pause_s,
            int(tried),
        )

    async def note(self, due: DueDelivery, *, status: int | None, fault: str, ms: int) -> None:
        """Write an attempt down."""
        await self._pool.execute(
            "insert into delivery_attempt (endpoint, event, status, fault, ms) values ($1, $2, $3, $4, $5)",
            due.endpoint,
            due.event,
            status,
            fault,
            ms,
        )

    async def page(
        self, customer: CustomerId, endpoint: str, *, state: str | None, before: tuple[int, int] | None, limit: int
    ) -> list[KeptDelivery]:
        """The endpoint's, newest event first, at most `limit` before the place `before`."""
        async with customers_rows(self._pool, customer) as db:
            rows = await db.fetch(
                f"select {_KEPT} from delivery where customer = $1 and endpoint = $2"  # noqa: S608 (names of this file)
                " and ($3::text is null or state = $3) and ($4::bigint is null or (sequence, index) < ($4, $5::int))"
                " order by sequence desc, index desc limit $6",
                customer,
                endpoint,
                state,
                *(before or (None, None)),
                limit,
            )
        return [KeptDelivery(**dict(row)) for row in rows]

    async def attempts(self, customer: CustomerId, endpoint: str, event: str) -> list[Attempt]:
        """All of a delivery's, oldest first."""
        async with customers_rows(self._pool, customer) as db:
            rows = await db.fetch(
                "select a.at, a.status, a.fault, a.ms from delivery_attempt a join delivery d using (endpoint, event)"
                " where d.customer = $1 and endpoint = $2 and event = $3 order by a.attempt",
                customer,
                endpoint,
                event,
            )
        return [Attempt(**dict(row)) for row in rows]

    async def again(self, customer: CustomerId, endpoint: str, event: str) -> bool:
        """Send one anew, whatever came of it; False where there is none."""
        async with customers_rows(self._pool, customer) as db:
            found = await db.fetchval(
                "update delivery set state = 'waiting', attempts = 0, next_at = now(), cause = '', settled_at = null,"
                " leased_until = case when state = 'waiting' then leased_until end"
                " where customer = $1 and endpoint = $2 and event = $3 returning 1",
                customer,
                endpoint,
                event,
            )
        return found is not None

    async def drop(self, customer: CustomerId, endpoint: str) -> None:
        """All of an endpoint that is gone."""
        async with customers_rows(self._pool, customer) as db:
            await db.execute("delete from delivery where customer = $1 and endpoint = $2", customer, endpoint)

    async def forget_old(self) -> None:
        """What was settled KEPT_DAYS ago, with its attempts."""
        await self._pool.execute(
            "delete from delivery where state <> 'waiting' and settled_at < now() - make_interval(days => $1)",
            KEPT_DAYS,
        )
