"""What a customer does with its endpoints: create, rotate the secret, disable, enable, delete."""

import base64
import os
from collections.abc import Collection
from datetime import timedelta

import msgspec

from chassis.clock import Clock
from chassis.command_handler import CommandHandler
from chassis.errors import Conflict, FieldError, InvalidInput
from chassis.event_log import EventLog
from chassis.guarded_addresses import Permission, UrlRefused, check_url
from chassis.ids import new_id
from chassis.principal import Principal
from chassis.recording import Origin
from chassis.signed_calls import SECRET_PREFIX
from contracts.envelope import format_time
from contracts.events.webhook import Summary, Told
from contracts.ids import CustomerId
from contracts.positions import Position
from contracts.subjects import CONFIG_WRITER, Log, config_subject
from gateway.adapters.deliveries import Deliveries
from gateway.adapters.outbound_endpoints import KIND, Endpoints
from gateway.adapters.outbound_secrets import OutboundSecrets
from gateway.adapters.reach import store_in_reach
from gateway.domain import outbound_endpoint as domain
from gateway.domain.outbound_endpoint import ENDPOINT, Endpoint

MAX_ENDPOINTS = 20
OVERLAP = timedelta(hours=24)
_SECRET_BYTES = 32
_READ_OWN_WRITE_S = 2.0


class BadUrl(InvalidInput):
    """A URL that no delivery may go to."""

    code, title = "invalid_url", "Deliveries cannot go to this URL"


class TooManyWebhooks(Conflict):
    """The customer has as many endpoints as there may be."""

    code, title = "too_many_webhooks", "You have as many webhooks as there may be"


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint after a command; `secret` where a new one was made, which nobody will see again."""

    id: str
    endpoint: Endpoint
    position: Position | None
    secret: str = ""


class Outbound:
    """Commands on endpoints. Raises the decider's refusals, StoreUnavailable, LogFault."""

    def __init__(
        self,
        *,
        event_log: EventLog,
        clock: Clock,
        endpoints: Endpoints,
        secrets: OutboundSecrets,
        deliveries: Deliveries,
        source: str,
        allow: Permission | None,
    ) -> None:
        self._handler = CommandHandler(log=event_log, log_name=Log.CONFIG, clock=clock)
        self._clock, self._endpoints, self._secrets, self._deliveries = clock, endpoints, secrets, deliveries
        self._source, self._allow = source, allow

    async def create(
        self, principal: Principal, *, url: str, events: list[Told], include: Collection[Summary] = ()
    ) -> Written:
        """Begin to tell `url` of `events` (all where there are none). Raises BadUrl, TooManyWebhooks."""
        try:
            check_url(url, allow=self._allow)
        except UrlRefused as refused:
            raise BadUrl(str(refused), errors=[FieldError("/url", BadUrl.code, str(refused))]) from refused
        if len(self._endpoints.of(principal.customer)) >= MAX_ENDPOINTS:
            raise TooManyWebhooks(f"at most {MAX_ENDPOINTS}")
        id = new_id("whk")
        secret_id, secret = await self._new_secret(principal.customer, id)
        command = domain.Create(url=url, events=sorted(set(events)), secret=secret_id, include=sorted(set(include)))
        return msgspec.structs.replace(await self._handle(principal, id, command), secret=secret)

    async def rotate(self, principal: Principal, id: str) -> Written:
        """Another secret; the last one signs too for a day."""
        if id not in self._endpoints.of(principal.customer):
            raise domain.NoSuchWebhook
        secret_id, secret = await self._new_secret(principal.customer, id)
        until = format_time(self._clock.now() + OVERLAP)
        written = await self._handle(principal, id, domain.RotateSecret(secret=secret_id, overlap_until=until))
        kept = [written.endpoint.secret, written.endpoint.old_secret]
        with store_in_reach():
            await self._secrets.forget(principal.customer, id, but=kept)
        return msgspec.structs.replace(written, secret=secret)

    async def disable(self, principal: Principal, id: str) -> Written:
        """Tell it nothing more; what waits for it is given up."""
        return await self._handle(principal, id, domain.Disable(reason="asked"))

    async def enable(self, principal: Principal, id: str) -> Written:
        """Tell it again, of what happens from now on."""
        return await self._handle(principal, id, domain.Enable())

    async def delete(self, principal: Principal, id: str) -> None:
        """End it, with its secrets and what was to be told; twice is safe."""
        await self._handle(principal, id, domain.Delete())
        with store_in_reach():
            await self._secrets.forget(principal.customer, id, but=[])
            await self._deliveries.drop(principal.customer, id)

    async def disable_gone(self, customer: CustomerId, id: str) -> None:
        """It answered that it is gone."""
        await self._append(customer, id, domain.Disable(reason="gone"), livemode=False, actor="gateway")

    async def _new_secret(self, customer: CustomerId, endpoint: str) -> tuple[str, str]:
        id, secret = new_id("whs"), SECRET_PREFIX + base64.b64encode(os.urandom(_SECRET_BYTES)).decode()
        with store_in_reach():
            await self._secrets.keep(customer, endpoint, id, secret)
        return id, secret

    async def _handle(self, principal: Principal, id: str, command: domain.Command) -> Written:
        return await self._append(principal.customer, id, command, livemode=principal.livemode, actor=principal.actor)

    async def _append(
        self, customer: CustomerId, id: str, command: domain.Command, *, livemode: bool, actor: str
    ) -> Written:
        origin = Origin(customer=customer, subject=id, writer=CONFIG_WRITER, source=self._source, livemode=livemode)
        handled = await self._handler.handle(
            config_subject(customer, KIND, id), ENDPOINT, command, origin=origin, actor=actor
        )
        if handled.position is not None:
            await self._endpoints.reached(handled.position.sequence, timeout_s=_READ_OWN_WRITE_S)
        return Written(id=id, endpoint=handled.state, position=handled.position)
