"""The table page_log: what pages reported, sealed. Bounded for each session, and forgotten after a month."""

from datetime import datetime
from typing import Literal

import msgspec

from chassis.postgres.names import lock_key
from chassis.postgres.pool import Pool
from chassis.postgres.row_security import customers_rows
from contracts.ids import CustomerId, KeyId, SessionId

KEPT_DAYS = 30


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much a session's page may report: reports a minute, reports in all, bytes in all."""

    a_minute: int = 30
    reports: int = 500
    bytes: int = 1024 * 1024


class SealedReport(msgspec.Struct, frozen=True, kw_only=True):
    """One report as it is kept; `size` is that of its plain content, in bytes."""

    id: str
    customer: CustomerId
    session: SessionId
    keyid: KeyId
    size: int
    sealed: bytes


class KeptReport(msgspec.Struct, frozen=True, kw_only=True):
    """One report as it was kept; `seq` orders a session's reports."""

    seq: int
    id: str
    keyid: KeyId
    received_at: datetime
    sealed: bytes


class PageLogs:
    """Raises asyncpg.PostgresError or OSError when out of reach."""

    def __init__(self, pool: Pool, bounds: Bounds | None = None) -> None:
        self._pool, self._bounds = pool, bounds or Bounds()

    async def take(self, report: SealedReport) -> Literal["taken", "often", "full"]:
        """Keep it, if the session's bounds allow."""
        async with customers_rows(self._pool, report.customer) as db:
            outcome: Literal["taken", "often", "full"] = await db.fetchval(
                "select take_report($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                lock_key("page_log", report.session),
                report.id,
                report.customer,
                report.session,
                report.keyid,
                report.size,
                report.sealed,
                self._bounds.a_minute,
                self._bounds.reports,
                self._bounds.bytes,
            )
        return outcome

    async def reports(self, customer: CustomerId, session: SessionId, *, after: int, limit: int) -> list[KeptReport]:
        """At most `limit` with `seq` > `after`, oldest first."""
        async with customers_rows(self._pool, customer) as db:
            rows = await db.fetch(
                "select seq, id, keyid, received_at, sealed from page_log"
                " where customer = $1 and session = $2 and seq > $3 order by seq limit $4",
                customer,
                session,
                after,
                limit,
            )
        return [KeptReport(**dict(row)) for row in rows]

    async def forget_old(self) -> None:
        """Drop what is older than KEPT_DAYS."""
        await self._pool.execute(
            "delete from page_log where received_at < now() - make_interval(days => $1)", KEPT_DAYS
        )
