"""Logins by OIDC that were begun: each state is good once, and for ten minutes. Only its digest is stored."""

from chassis.postgres.pool import Pool
from config.adapters.reach import in_reach

LIFE_S = 600


class OidcStates:
    """States in PostgreSQL. Raises Unavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(self, digest: str) -> None:
        """Remember a state."""
        with in_reach():
            await self._pool.execute(
                "insert into oidc_state (digest, expires_at) values ($1, now() + $2::float8 * interval '1 s')",
                *(digest, LIFE_S),
            )

    async def take(self, digest: str) -> bool:
        """Whether the state was begun, has not expired and was not taken before: it is now."""
        with in_reach():
            good = await self._pool.fetchval(
                "delete from oidc_state where digest = $1 returning expires_at > now()", digest
            )
        return bool(good)

    async def forget_old(self) -> None:
        """Forget states that nobody came back with."""
        with in_reach():
            await self._pool.execute("delete from oidc_state where expires_at < now()")
