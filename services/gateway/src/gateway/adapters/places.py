"""What admission writes in PostgreSQL before it touches the log: slot, reservation, data key and resume token.

The limits are exact: every count of a customer happens under that customer's own lock.
"""

import math
from collections.abc import Sequence

import msgspec

from chassis.errors import Refusal, TooMany
from chassis.postgres.names import lock_key
from chassis.postgres.pool import Pool
from contracts.ids import CustomerId, KeyId, SessionId
from contracts.money import format_amount
from gateway.domain.allowance import Allowance, Quota


class TooManySessions(TooMany):
    """The customer has as many open sessions as its limit allows."""

    code, title = "too_many_sessions", "As many sessions are open as your limit allows"
    retry_after_s = 5


class Rate(msgspec.Struct, frozen=True):
    """How a quota stands: so many starts are left now."""

    quota: Quota
    left: float

    @property
    def full_in_s(self) -> int:
        """Seconds until all are there again."""
        return math.ceil((self.quota.starts - self.left) * 60 / self.quota.starts)


class TooManyStarts(TooMany):
    """Sessions start faster than the customer's limits allow."""

    code, title = "too_many_starts", "Sessions start faster than your limits allow"

    def __init__(self, rates: Sequence[Rate] = (), *, wait_s: float = 1) -> None:
        self.retry_after_s, self.rates = max(1, math.ceil(wait_s)), list(rates)
        super().__init__(f"ask again in {self.retry_after_s} s")


class BudgetExhausted(Refusal):
    """What is left of the month's budget does not cover another session. No use in asking again soon."""

    status, code, title = 402, "budget_exhausted", "The month's budget is used up, or held back for open sessions"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a session gets before its first event. `wrapped_key` and `person` come from the vault.

    `dispatching`: the gateway that admits it dispatches at once, so that for a while no other one does.
    """

    customer: CustomerId
    session: SessionId
    keyid: KeyId
    wrapped_key: bytes
    person: str
    resume_digest: str
    dispatching: bool


class Slot(msgspec.Struct, frozen=True):
    """A row that counts; `age_s` by the database's clock."""

    customer: CustomerId
    session: SessionId
    admitted: bool
    age_s: float


class Resumable(msgspec.Struct, frozen=True):
    """Whose a session is, and the keyed hash of its resume token."""

    customer: CustomerId
    digest: str


class Places:
    """The tables slot, data_key and resume_token. Raises asyncpg.PostgresError or OSError when out of reach."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(self, place: Place, allowance: Allowance) -> list[Rate]:
        """Take a slot, a start of each rate and the session's budget, then store what belongs to it; or raise
        TooManyStarts, TooManySessions or BudgetExhausted and write nothing. Returns how the rates stand.

        A slot that nothing follows is reclaimed, so the two need not be one transaction, and the lock is held briefly.
        """
        rates = await self._take_start(place, allowance)
        await self._pool.execute(
            "with opened as (insert into data_key (keyid, customer, session, person, wrapped)"
            " values ($1, $2, $3, $4, $5)) insert into resume_token (session, customer, digest) values ($3, $2, $6)",
            place.keyid,
            place.customer,
            place.session,
            place.person,
            place.wrapped_key,
            place.resume_digest,
        )
        return rates

    async def _take_start(self, place: Place, allowance: Allowance) -> list[Rate]:
        taken = await self._pool.fetchrow(
            "select * from take_start($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            lock_key("slots", place.customer),
            place.customer,
            place.session,
            allowance.max_sessions,
            place.dispatching,
            [quota.kind for quota in allowance.quotas],
            [quota.name for quota in allowance.quotas],
            [quota.starts for quota in allowance.quotas],
            allowance.month,
            allowance.currency,
            allowance.monthly_nano,
            allowance.budget_nano,
        )
        assert taken is not None
        rates = [Rate(quota, left) for quota, left in zip(allowance.quotas, taken["starts_left"], strict=True)]
        match taken["outcome"]:
            case "often":
                raise TooManyStarts(rates, wait_s=taken["wait_s"])
            case "full":
                raise TooManySessions(f"{allowance.max_sessions} sessions are open")
            case "broke":
                free = format_amount(max(0, int(taken["free_nano"])), allowance.currency)
                raise BudgetExhausted(f"{free} of the month's budget is free, and the session may cost more")
            case _:
                return rates

    async def count_open(self, customers: Sequence[CustomerId], sessions: Sequence[SessionId]) -> None:
        """Make sure that open sessions have their slots, also after the table was lost."""
        await self._pool.execute(
            "insert into slot (customer, session, admitted) select c, s, true from unnest($1::text[], $2::text[])"
            " as open (c, s) on conflict (session) do update set admitted = true",
            list(customers),
            list(sessions),
        )

    async def free(self, sessions: Sequence[SessionId]) -> None:
        """Give slots back."""
        await self._pool.execute("delete from slot where session = any($1::text[])", list(sessions))

    async def slots(self) -> list[Slot]:
        """All that are taken, oldest first."""
        rows = await self._pool.fetch(
            "select customer, session, admitted, extract(epoch from now() - taken_at)::float8 as age_s"
            " from slot order by taken_at"
        )
        return [Slot(row["customer"], row["session"], row["admitted"], row["age_s"]) for row in rows]

    async def may_dispatch(self, session: SessionId, *, wait_s: float) -> bool:
        """Whether it is this gateway's turn to dispatch; for `wait_s` seconds then nobody else's."""
        turn = await self._pool.fetchval(
            "update slot set dispatched_at = now() where session = $1 and (dispatched_at is null"
            " or dispatched_at <= now() - make_interval(secs => $2)) returning 1",
            session,
            wait_s,
        )
        return turn is not None

    async def resumable(self, session: SessionId) -> Resumable | None:
        """Whose session this is; None for one that never had a place."""
        row = await self._pool.fetchrow("select customer, digest from resume_token where session = $1", session)
        return Resumable(row["customer"], row["digest"]) if row else None
