"""How often something is tried: counted in PostgreSQL, so that the bound is exact over all processes.

An attempt is counted before it is made, so that many at once cannot slip through between a look and a count. What is
counted is a keyed digest: no e-mail address and no network address is stored.
"""

import math
from typing import Literal

import structlog

from chassis.errors import TooMany
from chassis.postgres.pool import Pool
from chassis.sealing import keyed_digest
from config.adapters.reach import in_reach

log = structlog.get_logger(__name__)

WINDOW_S = 15 * 60
_OVER = f"a.began_at <= now() - interval '{WINDOW_S} s'"
_COUNT = f"""
insert into attempt as a (kind, digest, began_at, attempts) values ($1, $2, now(), 1)
on conflict (kind, digest) do update set
    began_at = case when {_OVER} then now() else a.began_at end,
    attempts = case when {_OVER} then 1 else least(a.attempts, $3::int) + 1 end
returning case when attempts <= $3::int then 0
    else extract(epoch from began_at - now())::float8 + {WINDOW_S} end
"""  # noqa: S608 (names of this file)
"""Counts one; returns 0, or in how many seconds the window ends where that was one too many."""

Kind = Literal["address", "caller"]


class TooManyAttempts(TooMany):
    """A bound on attempts was met."""

    code, title = "too_many_attempts", "This was tried too often"

    def __init__(self, retry_after_s: int = WINDOW_S) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Attempts:
    """Attempts on an e-mail address, and by a network address; `key` makes their digests. Raises Unavailable."""

    def __init__(self, pool: Pool, *, key: bytes, per_address: int, per_caller: int) -> None:
        self._pool, self._key = pool, key
        self._most: dict[Kind, int] = {"address": per_address, "caller": per_caller}

    async def count(self, kind: Kind, name: str) -> None:
        """Count one attempt; raises TooManyAttempts in place of one too many."""
        with in_reach():
            left_s: float = await self._pool.fetchval(_COUNT, kind, self._digest(kind, name), self._most[kind])
        if left_s > 0:
            log.warning("too_many_attempts", kind=kind)
            raise TooManyAttempts(max(1, math.ceil(left_s)))

    async def forgive(self, kind: Kind, name: str) -> None:
        """Forget the attempts: one has succeeded."""
        with in_reach():
            await self._pool.execute(
                "delete from attempt where kind = $1 and digest = $2", kind, self._digest(kind, name)
            )

    async def forget_old(self) -> None:
        """Forget what no longer counts."""
        with in_reach():
            await self._pool.execute(f"delete from attempt a where {_OVER}")  # noqa: S608 (names of this file)

    def _digest(self, kind: Kind, name: str) -> str:
        return keyed_digest(self._key, f"{kind}\n{name}".encode())
