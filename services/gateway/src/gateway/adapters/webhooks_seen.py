"""Which webhooks were taken already, by LiveKit's own event id, across all gateways."""

from chassis.postgres.pool import Pool

KEPT_S = 3600


class WebhooksSeen:
    """The table webhook_seen."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def has(self, id: str) -> bool:
        """Whether it was taken."""
        return await self._pool.fetchval("select 1 from webhook_seen where id = $1", id) is not None

    async def add(self, id: str) -> None:
        """It was taken. Only after its events are in the log: LiveKit delivers again what we did not answer."""
        await self._pool.execute("insert into webhook_seen (id) values ($1) on conflict do nothing", id)

    async def forget_old(self) -> None:
        """Drop what is refused for its age anyway."""
        await self._pool.execute("delete from webhook_seen where seen_at < now() - make_interval(secs => $1)", KEPT_S)
