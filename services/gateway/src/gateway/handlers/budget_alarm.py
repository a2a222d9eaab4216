"""Tells a customer's endpoints that its month's budget let a session in no more: once a month, whoever is refused.

No session began, so that there is no event of one for the reaction in `telling` to hear. That it was told and what is
to be delivered are written in one transaction.
"""

import asyncio

import structlog

from chassis.clock import Clock
from chassis.event_log import EventLog
from chassis.ids import new_id
from chassis.postgres.faults import is_passing
from chassis.postgres.pool import Pool
from chassis.postgres.row_security import customers_rows
from contracts.envelope import format_time
from contracts.ids import CustomerId
from contracts.subjects import Log
from gateway.adapters.deliveries import NewDelivery, add_deliveries
from gateway.adapters.outbound_endpoints import Endpoints
from gateway.domain.allowance import Allowance
from gateway.domain.outbound import budget_body

log = structlog.get_logger(__name__)
_AFTER_EVENTS = 2**30
"""Its place among deliveries is after every event of the log's last commit."""


class BudgetAlarm:
    """`told` is set when deliveries were made."""

    def __init__(
        self, *, event_log: EventLog, pool: Pool, endpoints: Endpoints, clock: Clock, told: asyncio.Event
    ) -> None:
        self._log = event_log
        self._pool, self._endpoints, self._clock, self._told = pool, endpoints, clock, told

    async def sound(self, customer: CustomerId, allowance: Allowance, *, livemode: bool) -> None:
        """Have those told that want to hear of limits; a store out of reach is left to the next refusal."""
        wanting = [id for id, one in self._endpoints.of(customer).items() if one.wants("limit.reached")]
        if not wanting:
            return
        try:
            await self._tell(customer, allowance, wanting, livemode=livemode)
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("budget_alarm_unheard", customer=customer, error=type(error).__name__)

    async def _tell(self, customer: CustomerId, allowance: Allowance, wanting: list[str], *, livemode: bool) -> None:
        event, now = new_id("bgt"), format_time(self._clock.now())
        end = await self._log.end(Log.SESSIONS)
        body = budget_body(
            month=allowance.month,
            monthly_nano=allowance.monthly_nano or 0,
            currency=allowance.currency,
            livemode=livemode,
            at=now,
        )
        async with customers_rows(self._pool, customer) as db:
            first = await db.fetchval(
                "insert into budget_told (customer, month) values ($1, $2) on conflict do nothing returning 1",
                customer,
                allowance.month,
            )
            if first is None:
                return
            deliveries = [
                NewDelivery(
                    customer=customer,
                    endpoint=endpoint,
                    event=event,
                    session="",
                    sequence=end,
                    index=_AFTER_EVENTS,
                    told="limit.reached",
                    body=body,
                )
                for endpoint in wanting
            ]
            await add_deliveries(db, deliveries)
        log.info("budget_exhausted_told", customer=customer, month=allowance.month, endpoints=len(wanting))
        self._told.set()
