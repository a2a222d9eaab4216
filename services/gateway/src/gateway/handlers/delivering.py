"""Sends what endpoints are to be told: signed, in order for each session, again after a pause, and at last given up.

Every gateway sends; a lease keeps two from sending the same at once. A gateway that dies mid-call leaves its lease to
run out, so that a receiver may hear twice: the id is the event's, and the same each time.
"""

import asyncio
import contextlib
import random

import structlog

from chassis.clock import Clock
from chassis.guarded_http import GuardedClient, GuardedFault
from chassis.postgres.faults import is_passing
from chassis.sealing import SealBroken
from chassis.signed_calls import BadSecret, parse_secret, signature_headers
from contracts.envelope import parse_time
from contracts.ids import SessionId
from gateway.adapters.deliveries import Deliveries, DueDelivery
from gateway.adapters.outbound_endpoints import Endpoints
from gateway.adapters.outbound_secrets import OutboundSecrets
from gateway.domain.outbound import SUMMED_UP, pause_s
from gateway.domain.outbound_endpoint import Endpoint, NoSuchWebhook
from gateway.handlers.outbound import Outbound
from gateway.handlers.summaries import Summaries, SummaryOutOfReach

log = structlog.get_logger(__name__)

CALL_S = 15.0
LEASE_S = 60.0
AT_ONCE_OF_ENDPOINT = 5
AT_ONCE = 20
_LOOK_EVERY_S = 1.0
_MAX_ANSWER = 16 * 1024
_GONE = 410


class Delivering:
    """`told` is set when there may be something to send."""

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        endpoints: Endpoints,
        secrets: OutboundSecrets,
        outbound: Outbound,
        summaries: Summaries,
        client: GuardedClient,
        clock: Clock,
        told: asyncio.Event,
    ) -> None:
        self._deliveries, self._endpoints, self._secrets = deliveries, endpoints, secrets
        self._outbound, self._client, self._clock, self._told = outbound, client, clock, told
        self._summaries = summaries
        self._sending = 0

    async def run(self) -> None:
        """For ever; trouble of the store is waited out, and what was leased is sent once its lease has run out."""
        await self._endpoints.caught_up.wait()
        async with asyncio.TaskGroup() as sending:
            while True:
                due = await self._due(AT_ONCE - self._sending)
                self._sending += len(due)
                for one in due:
                    sending.create_task(self._settled(one), name=f"gateway.delivering:{one.event}")
                if not due:
                    await self._more()

    async def _due(self, room: int) -> list[DueDelivery]:
        if room <= 0:
            return []
        try:
            return await self._deliveries.take(at_once=AT_ONCE_OF_ENDPOINT, limit=room, lease_s=LEASE_S)
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("delivering_interrupted", error=type(error).__name__)
            return []

    async def _more(self) -> None:
        """Until something may be due: told, or settled, or only later."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self._told.wait()
        self._told.clear()

    async def _settled(self, due: DueDelivery) -> None:
        """One delivery, to what came of it. Trouble of the store leaves it to its lease."""
        try:
            await self._send(due)
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("delivery_not_settled", event_id=due.event, error=type(error).__name__)
        finally:
            self._sending -= 1
            self._told.set()

    async def _send(self, due: DueDelivery) -> None:
        endpoint = self._endpoints.of(due.customer).get(due.endpoint)
        if endpoint is None or endpoint.condition != "enabled":
            why = "endpoint_deleted" if endpoint is None else "endpoint_disabled"
            await self._deliveries.settle(due, "dead", cause=why, tried=False)
            return
        began = self._clock.monotonic()
        status, fault = await self._call(due, endpoint)
        ms = round((self._clock.monotonic() - began) * 1000)
        await self._deliveries.note(due, status=status, fault=fault, ms=ms)
        await self._conclude(due, status, fault)

    async def _call(self, due: DueDelivery, endpoint: Endpoint) -> tuple[int | None, str]:
        """(status, code of the fault): one of both."""
        try:
            body = await self._body(due, endpoint)
            headers = await self._headers(due, endpoint, body)
            answer = await self._client.post(
                endpoint.url, content=body, headers=headers, timeout_s=CALL_S, max_answer_bytes=_MAX_ANSWER
            )
        except (GuardedFault, SummaryOutOfReach) as fault:
            return None, fault.code
        except (SealBroken, BadSecret) as unusable:
            log.error("webhook_secret_unusable", endpoint=due.endpoint, error=type(unusable).__name__)
            return None, "secret_unusable"
        return answer.status, ""

    async def _body(self, due: DueDelivery, endpoint: Endpoint) -> bytes:
        """As it was made, with what the endpoint wants besides. Raises SummaryOutOfReach."""
        if not endpoint.include or due.told not in SUMMED_UP:
            return due.body
        return await self._summaries.completed(
            due.body, customer=due.customer, session=SessionId(due.session), wanted=endpoint.include
        )

    async def _headers(self, due: DueDelivery, endpoint: Endpoint, body: bytes) -> dict[str, str]:
        """Signed with the secret, and with the last one too while both are good. Raises SealBroken, BadSecret."""
        now = self._clock.now()
        ids = [endpoint.secret]
        if endpoint.overlap_until and parse_time(endpoint.overlap_until) > now:
            ids.append(endpoint.old_secret)
        secrets = await self._secrets.open(due.customer, due.endpoint, ids)
        if not secrets:
            raise BadSecret("the endpoint has no secret any more")
        signed = [
            signature_headers(parse_secret(one), id=due.event, timestamp=int(now.timestamp()), content=body)
            for one in secrets
        ]
        return {
            **signed[0],
            "webhook-signature": " ".join(one["webhook-signature"] for one in signed),
            "Content-Type": "application/json",
            "User-Agent": "Baton",
        }

    async def _conclude(self, due: DueDelivery, status: int | None, fault: str) -> None:
        if status is not None and 200 <= status < 300:
            await self._deliveries.settle(due, "delivered", cause="")
            return
        cause = fault or f"status_{status}"
        if status == _GONE:
            with contextlib.suppress(NoSuchWebhook):  # deleted meanwhile
                await self._outbound.disable_gone(due.customer, due.endpoint)
            await self._deliveries.settle(due, "dead", cause=cause)
            return
        again_s = pause_s(due.attempts + 1, chance=random.random())  # noqa: S311 (jitter)
        if again_s is None:
            log.warning("delivery_dead", endpoint=due.endpoint, event_id=due.event, cause=cause)
            await self._deliveries.settle(due, "dead", cause=cause)
        else:
            await self._deliveries.settle(due, "waiting", cause=cause, pause_s=again_s)
