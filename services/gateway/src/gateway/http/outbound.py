"""/api/webhooks: the endpoints that are told what happens, and what was delivered to them."""

from typing import Annotated, Literal, get_args

import msgspec
from litestar import delete, get, post
from litestar.params import JSONBody
from msgspec import Meta

from chassis.errors import NotFound
from chassis.http.app import Caller, PathId
from chassis.http.pages import DEFAULT_LIMIT, BadCursor, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import BadPosition, PositionText, one_of, position
from chassis.postgres.faults import Behind
from contracts.envelope import format_time
from contracts.events.webhook import Summary, Told
from contracts.ids import CustomerId
from gateway.adapters.deliveries import Attempt, KeptDelivery, State
from gateway.adapters.outbound_endpoints import Endpoints
from gateway.adapters.reach import StoreUnavailable, store_in_reach
from gateway.domain.outbound_endpoint import Endpoint, NoSuchWebhook
from gateway.handlers.outbound import BadUrl, TooManyWebhooks, Written
from gateway.http.asking import KeepsDeliveries, KnowsEndpoints, WritesEndpoints

_WAIT_S = 2.0


class NoSuchDelivery(NotFound):
    """The webhook has no delivery of that event."""

    code, title = "unknown_delivery", "There is no such delivery"


class CreateWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to deliver (https), and what; no `events` means all.

    The end of a session comes with what `include` names: its transcript in plain words, and its cost. Left out, the
    delivery says where both are asked for, and holds nothing that anybody said.
    """

    url: Annotated[str, Meta(min_length=1, max_length=2048)]
    events: Annotated[list[Told], Meta(max_length=16)] = []
    include: Annotated[list[Summary], Meta(max_length=8)] = []


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint. `disabled_because` it answered 410 (`gone`), or was `asked` to be."""

    id: str
    url: str
    events: list[Told]
    include: list[Summary]
    status: Literal["enabled", "disabled"]
    disabled_because: str | None
    position: str | None = None


class WebhookWithSecret(Webhook, frozen=True, kw_only=True):
    """`secret` (Standard Webhooks, `whsec_…`) is shown this once; an older one signs too until `overlap_until`."""

    secret: str
    overlap_until: str | None


class WebhookList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them: there are few."""

    data: list[Webhook]
    next_cursor: None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one endpoint. `dead` ones are sent again only when asked for; `cause` says what went wrong last.
    `session_id` is null where it is of no session: the month's budget was used up.
    """

    event_id: str
    type: str
    session_id: str | None
    status: State
    attempts: int
    cause: str | None
    created_at: str
    next_attempt_at: str | None
    settled_at: str | None


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Newest event first; `next_cursor` is null on the last page."""

    data: list[Delivery]
    next_cursor: str | None


class AttemptLine(msgspec.Struct, frozen=True, kw_only=True):
    """One try: the answer's status, or why there was none."""

    at: str
    status: int | None
    fault: str | None
    ms: int


class AttemptLog(msgspec.Struct, frozen=True, kw_only=True):
    """Every try of a delivery, oldest first."""

    data: list[AttemptLine]
    next_cursor: None = None


@post(
    "/api/webhooks",
    opt={"scope": "webhooks:write", "refuses": (BadUrl, TooManyWebhooks, StoreUnavailable)},
)
async def create_webhook(
    data: JSONBody[CreateWebhook], principal: Caller, outbound: WritesEndpoints
) -> WebhookWithSecret:
    """Have an endpoint told what happens in your sessions from now on, signed by Standard Webhooks.

    Deliveries come in order for each session, and may come twice: `webhook-id` is the event's id. Whatever is not a 2xx
    is tried again for some three days; 410 disables the endpoint.
    """
    return _with_secret(await outbound.create(principal, url=data.url, events=data.events, include=data.include))


@get("/api/webhooks", opt={"scope": "webhooks:read", "refuses": (BadPosition, Behind)})
async def list_webhooks(principal: Caller, endpoints: KnowsEndpoints, min_position: PositionText = None) -> WebhookList:
    """Your endpoints."""
    await _level(endpoints, min_position)
    return WebhookList(data=[_webhook(id, one) for id, one in sorted(endpoints.of(principal.customer).items())])


@get("/api/webhooks/{webhook_id:str}", opt={"scope": "webhooks:read", "refuses": (NoSuchWebhook, BadPosition, Behind)})
async def get_webhook(
    webhook_id: PathId, principal: Caller, endpoints: KnowsEndpoints, min_position: PositionText = None
) -> Webhook:
    """One endpoint."""
    await _level(endpoints, min_position)
    return _webhook(webhook_id, _found(endpoints, principal.customer, webhook_id))


@delete("/api/webhooks/{webhook_id:str}", opt={"scope": "webhooks:write", "refuses": (NoSuchWebhook, StoreUnavailable)})
async def delete_webhook(webhook_id: PathId, principal: Caller, outbound: WritesEndpoints) -> None:
    """End an endpoint, with its secrets and its deliveries; twice is safe."""
    await outbound.delete(principal, webhook_id)


@post(
    "/api/webhooks/{webhook_id:str}/rotate-secret",
    opt={"scope": "webhooks:write", "refuses": (NoSuchWebhook, StoreUnavailable)},
    status_code=200,
)
async def rotate_webhook_secret(webhook_id: PathId, principal: Caller, outbound: WritesEndpoints) -> WebhookWithSecret:
    """Another secret. For a day deliveries are signed with both, so that the receiver can change over in peace."""
    return _with_secret(await outbound.rotate(principal, webhook_id))


@post(
    "/api/webhooks/{webhook_id:str}/disable",
    opt={"scope": "webhooks:write", "refuses": (NoSuchWebhook,)},
    status_code=200,
)
async def disable_webhook(webhook_id: PathId, principal: Caller, outbound: WritesEndpoints) -> Webhook:
    """Tell an endpoint nothing more; what waits for it is given up, and can be sent again later."""
    return _written(await outbound.disable(principal, webhook_id))


@post(
    "/api/webhooks/{webhook_id:str}/enable",
    opt={"scope": "webhooks:write", "refuses": (NoSuchWebhook,)},
    status_code=200,
)
async def enable_webhook(webhook_id: PathId, principal: Caller, outbound: WritesEndpoints) -> Webhook:
    """Tell an endpoint again, of what happens from now on."""
    return _written(await outbound.enable(principal, webhook_id))


@get(
    "/api/webhooks/{webhook_id:str}/deliveries",
    opt={"scope": "webhooks:read", "refuses": (NoSuchWebhook, BadCursor, StoreUnavailable)},
)
async def list_deliveries(
    webhook_id: PathId,
    principal: Caller,
    endpoints: KnowsEndpoints,
    deliveries: KeepsDeliveries,
    status: Annotated[str | None, one_of(*get_args(State))] = None,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
) -> DeliveryPage:
    """What was delivered, waits, or was given up (`status=dead`), of the last 30 days."""
    _found(endpoints, principal.customer, webhook_id)
    before = decode_cursor(cursor, tuple[int, int])
    with store_in_reach():
        found = await deliveries.page(principal.customer, webhook_id, state=status, before=before, limit=limit + 1)
    shown, next_cursor = page_of(found, limit=limit, key=lambda one: (one.sequence, one.index))
    return DeliveryPage(data=[_delivery(one) for one in shown], next_cursor=next_cursor)


@get(
    "/api/webhooks/{webhook_id:str}/deliveries/{event_id:str}/attempts",
    opt={"scope": "webhooks:read", "refuses": (NoSuchWebhook, StoreUnavailable)},
)
async def list_attempts(
    webhook_id: PathId, event_id: PathId, principal: Caller, endpoints: KnowsEndpoints, deliveries: KeepsDeliveries
) -> AttemptLog:
    """Every try of one delivery."""
    _found(endpoints, principal.customer, webhook_id)
    with store_in_reach():
        found = await deliveries.attempts(principal.customer, webhook_id, event_id)
    return AttemptLog(data=[_attempt(one) for one in found])


@post(
    "/api/webhooks/{webhook_id:str}/deliveries/{event_id:str}/redeliver",
    opt={"scope": "webhooks:write", "refuses": (NoSuchWebhook, NoSuchDelivery, StoreUnavailable)},
    status_code=202,
)
async def redeliver_event(
    webhook_id: PathId, event_id: PathId, principal: Caller, endpoints: KnowsEndpoints, deliveries: KeepsDeliveries
) -> None:
    """Send one delivery again, whatever came of it, with the same id and body."""
    _found(endpoints, principal.customer, webhook_id)
    with store_in_reach():
        if not await deliveries.again(principal.customer, webhook_id, event_id):
            raise NoSuchDelivery


async def _level(endpoints: Endpoints, min_position: str | None) -> None:
    wanted = position(min_position, name="min_position")
    if wanted is not None and not await endpoints.reached(wanted.sequence, timeout_s=_WAIT_S):
        raise Behind


def _found(endpoints: Endpoints, customer: CustomerId, id: str) -> Endpoint:
    found = endpoints.of(customer).get(id)
    if found is None:
        raise NoSuchWebhook
    return found


def _webhook(id: str, endpoint: Endpoint, at: str | None = None) -> Webhook:
    return Webhook(
        id=id,
        url=endpoint.url,
        events=endpoint.events,
        include=endpoint.include,
        status="enabled" if endpoint.condition == "enabled" else "disabled",
        disabled_because=endpoint.disabled_because or None,
        position=at,
    )


def _written(written: Written) -> Webhook:
    return _webhook(written.id, written.endpoint, written.position.encode() if written.position else None)


def _with_secret(written: Written) -> WebhookWithSecret:
    return WebhookWithSecret(
        secret=written.secret,
        overlap_until=written.endpoint.overlap_until or None,
        **msgspec.structs.asdict(_written(written)),
    )


def _delivery(kept: KeptDelivery) -> Delivery:
    return Delivery(
        event_id=kept.event,
        type=kept.told,
        session_id=kept.session or None,
        status=kept.state,
        attempts=kept.attempts,
        cause=kept.cause or None,
        created_at=format_time(kept.made_at),
        next_attempt_at=format_time(kept.next_at) if kept.state == "waiting" else None,
        settled_at=format_time(kept.settled_at) if kept.settled_at else None,
    )


def _attempt(one: Attempt) -> AttemptLine:
    return AttemptLine(at=format_time(one.at), status=one.status, fault=one.fault or None, ms=one.ms)


ROUTES = [
    create_webhook,
    list_webhooks,
    get_webhook,
    delete_webhook,
    rotate_webhook_secret,
    disable_webhook,
    enable_webhook,
    list_deliveries,
    list_attempts,
    redeliver_event,
]
