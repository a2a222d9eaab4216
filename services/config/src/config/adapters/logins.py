"""Logins and their refresh tokens in PostgreSQL. A token is stored by its keyed digest, and good once.

A token that comes back after it was used has been stolen, from its owner or by its owner's successor: nobody can say
which of the two is asking, so the whole login ends (RFC 9700 §4.14.2).
"""

from datetime import datetime
from typing import Literal

import msgspec

from chassis.postgres.fetching import rows_of
from chassis.postgres.pool import Pool
from chassis.postgres.row_security import customers_rows
from config.adapters.reach import in_reach
from contracts.events.login import LoginEnd, Proof
from contracts.ids import CustomerId, LoginId, MemberId

LIFE_S, IDLE_S = 30 * 24 * 3600, 7 * 24 * 3600
"""A login lasts for 30 days, and 7 without being used."""

_COLUMNS = "id, customer, member, proof, opened_at, used_at, expires_at"
_OPEN = f"ended is null and expires_at > now() and used_at > now() - interval '{IDLE_S} s'"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A login, open or not."""

    id: LoginId
    customer: CustomerId
    member: MemberId
    proof: Proof
    opened_at: datetime
    used_at: datetime
    expires_at: datetime


class Refreshed(msgspec.Struct, frozen=True):
    """What became of a refresh token: `good`, `over` (its login has ended or expired) or `reused`."""

    login: Login
    how: Literal["good", "over", "reused"]


class LoginTable:
    """Raises Unavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self, id: LoginId, *, customer: CustomerId, member: MemberId, proof: Proof, token: str) -> None:
        """A new login, and the digest of its first refresh token."""
        with in_reach():
            async with self._pool.acquire(timeout=2) as db, db.transaction():
                await db.execute(
                    "insert into member_login (id, customer, member, proof, expires_at)"
                    " values ($1, $2, $3, $4, now() + $5::float8 * interval '1 s')",
                    *(id, customer, member, proof, LIFE_S),
                )
                await db.execute("insert into refresh_token (digest, login) values ($1, $2)", token, id)

    async def refresh(self, token: str, *, by: str) -> Refreshed | None:
        """Use the token of this digest, and let its login have the next, `by`. None for one that there never was."""
        with in_reach():
            async with self._pool.acquire(timeout=2) as db, db.transaction():
                row = await db.fetchrow(
                    f"select {_COLUMNS}, {_OPEN} as open from member_login"  # noqa: S608 (names of this file)
                    " where id = (select login from refresh_token where digest = $1) for update",
                    token,
                )
                if row is None:
                    return None
                login = msgspec.convert(dict(row), Login)
                if not row["open"]:
                    return Refreshed(login, "over")
                first = await db.fetchval(
                    "update refresh_token set used_at = now() where digest = $1 and used_at is null returning true",
                    token,
                )
                if not first:
                    return Refreshed(login, "reused")
                await db.execute("update member_login set used_at = now() where id = $1", login.id)
                await db.execute("insert into refresh_token (digest, login) values ($1, $2)", by, login.id)
                return Refreshed(login, "good")

    async def of(self, customer: CustomerId, member: MemberId, *, after: str = "", limit: int = 1000) -> list[Login]:
        """The member's open logins by id, those after the id `after`."""
        rows = await rows_of(
            self._pool,
            customer,
            f"select {_COLUMNS} from member_login where member = $1 and {_OPEN}"  # noqa: S608 (names of this file)
            ' and id collate "C" > $2 order by id collate "C" limit $3',
            *(member, after, limit),
        )
        return [msgspec.convert(dict(row), Login) for row in rows]

    async def end(self, id: LoginId, *, customer: CustomerId, member: MemberId, why: LoginEnd) -> bool:
        """End a login: its refresh tokens are good no more. False where the member has no such login."""
        with in_reach():
            async with customers_rows(self._pool, customer) as db:
                ended = await db.fetchval(
                    "update member_login set ended = coalesce(ended, $3) where id = $1 and member = $2 returning true",
                    *(id, member, why),
                )
        return bool(ended)

    async def forget_old(self) -> None:
        """Forget logins, with their tokens, that let nobody in any more."""
        with in_reach():
            await self._pool.execute(f"delete from member_login where not ({_OPEN})")  # noqa: S608 (names of this file)
