"""By what members are found, and their passwords: beside the log, because a hash that leaks must be one that changes.

A digest (of an e-mail address, or of an identity at the OIDC provider) is claimed before the log tells of the member,
and settled afterwards. A claim whose member the log never came to know lapses; whether it does, the log's reader says.
"""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from chassis.postgres.pool import Pool
from chassis.postgres.row_security import customers_rows
from config.adapters.reach import in_reach
from contracts.ids import CustomerId, MemberId

LAPSE = timedelta(seconds=60)
"""From then on a claim that is not settled may be one whose process died."""


class Account(msgspec.Struct, frozen=True):
    """Whose a digest is. `hash` is the password's, None where there is none; `fresh`: somebody may be at work on it."""

    customer: CustomerId
    member: MemberId
    hash: str | None
    settled: bool
    fresh: bool


class Accounts:
    """Accounts in PostgreSQL. Raises Unavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, digest: str, *, customer: CustomerId, member: MemberId) -> bool:
        """Take a digest for a member to be; False where it is somebody's."""
        with in_reach():
            taken = await self._pool.fetchval(
                "insert into account (digest, customer, member) values ($1, $2, $3)"
                " on conflict (digest) do nothing returning true",
                *(digest, customer, member),
            )
        return bool(taken)

    async def take_over(self, digest: str, *, of: MemberId, customer: CustomerId, member: MemberId) -> bool:
        """Take a digest that the log says is nobody's; False where another was first."""
        with in_reach():
            taken = await self._pool.fetchval(
                "update account set customer = $2, member = $3, claimed_at = now(), settled = false"
                " where digest = $1 and member = $4 returning true",
                *(digest, customer, member, of),
            )
        return bool(taken)

    async def settle(self, digest: str, *, member: MemberId) -> None:
        """The log knows the member."""
        with in_reach():
            await self._pool.execute(
                "update account set settled = true where digest = $1 and member = $2", digest, member
            )

    async def release(self, digest: str, *, member: MemberId) -> None:
        """Give a claim back that came to nothing."""
        with in_reach():
            await self._pool.execute(
                "delete from account where digest = $1 and member = $2 and not settled", digest, member
            )

    async def find(self, digests: Sequence[str]) -> Account | None:
        """Whose the first of these digests is that is anybody's."""
        with in_reach():
            row = await self._pool.fetchrow(
                "select a.customer, a.member, p.hash, a.settled, a.claimed_at > now() - $2::interval as fresh"
                " from account a left join member_password p using (member) where a.digest = any($1)"
                " order by array_position($1, a.digest) limit 1",
                *(list(digests), LAPSE),
            )
        return Account(**dict(row)) if row else None

    async def password(self, customer: CustomerId, member: MemberId) -> str | None:
        """The hash of the member's password."""
        with in_reach():
            async with customers_rows(self._pool, customer) as db:
                hash: str | None = await db.fetchval("select hash from member_password where member = $1", member)
        return hash

    async def set_password(self, *, customer: CustomerId, member: MemberId, hash: str, was: str | None) -> bool:
        """Replace the hash `was` (None: there is none yet); False where another change was first."""
        first = (
            "insert into member_password (customer, member, hash) values ($1, $2, $3)"
            " on conflict (member) do nothing returning true"
        )
        again = (
            "update member_password set hash = $3, changed_at = now()"
            " where customer = $1 and member = $2 and hash = $4 returning true"
        )
        with in_reach():
            async with customers_rows(self._pool, customer) as db:
                if was is None:
                    return bool(await db.fetchval(first, customer, member, hash))
                return bool(await db.fetchval(again, customer, member, hash, was))

    async def forget_password(self, customer: CustomerId, member: MemberId) -> None:
        """From here on the member has none."""
        with in_reach():
            async with customers_rows(self._pool, customer) as db:
                await db.execute("delete from member_password where member = $1", member)

    async def forget(self, customer: CustomerId, member: MemberId) -> None:
        """Forget everything of a member who is none any more."""
        await self.forget_password(customer, member)
        with in_reach():
            async with customers_rows(self._pool, customer) as db:
                await db.execute("delete from account where member = $1", member)
