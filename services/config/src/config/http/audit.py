"""GET /api/audit, and for operators /admin/audit: who changed what of the configuration, when, from what to what."""

import datetime

import msgspec
from litestar import get

from chassis.http.app import Caller
from chassis.http.pages import DEFAULT_LIMIT, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import BadTime, IdText, MomentText, PositionText, moment, position
from chassis.postgres.pool import Pool
from chassis.postgres.wait import wait_for_position
from config.domain.audit import ActorKind, Difference, kind_of_actor
from config.domain.difference import Change
from config.http.lists import LISTS, ReadModels
from config.read_models.audit import Audit, Entry, Place, Search, entries
from config.read_models.entity_index import SERVICE
from contracts.ids import CustomerId

AUDIT_REFUSES = (*LISTS, BadTime)
_WAIT_S = 2.0


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `type` is the event's, such as `template.published`; `kind` and `entity` say of what.

    `changes` hold nothing secret and nothing personal: what stands for it reads `(hidden …)`. `whole` is false where
    there were more of them, or longer ones, than are told.
    """

    position: str
    at: datetime.datetime
    actor: str
    actor_kind: ActorKind
    customer: CustomerId
    kind: str
    entity: str
    type: str
    livemode: bool
    changes: list[Change]
    whole: bool


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of changes, newest first; `next_cursor` is null on the last."""

    data: list[AuditEntry]
    next_cursor: str | None = None


@get("/api/audit", opt={"scope": "audit:read", "refuses": AUDIT_REFUSES})
async def list_audit(
    principal: Caller,
    pool: ReadModels,
    kind: IdText = None,
    entity: IdText = None,
    actor: IdText = None,
    since: MomentText = None,
    until: MomentText = None,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> AuditPage:
    """Every change of your configuration, newest first; each filter narrows."""
    search = Search(
        customer=principal.customer,
        kind=kind,
        entity=entity,
        actor=actor,
        since=moment(since, name="since"),
        until=moment(until, name="until"),
    )
    return await audit_page(pool, search, cursor=cursor, limit=limit, min_position=min_position)


@get("/admin/audit", opt={"operator": True, "refuses": AUDIT_REFUSES})
async def list_every_audit(
    pool: ReadModels,
    customer: IdText = None,
    kind: IdText = None,
    entity: IdText = None,
    actor: IdText = None,
    since: MomentText = None,
    until: MomentText = None,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> AuditPage:
    """Every change of all customers' configuration, and of customers themselves, newest first; each filter narrows."""
    search = Search(
        customer=CustomerId(customer) if customer else None,
        kind=kind,
        entity=entity,
        actor=actor,
        since=moment(since, name="since"),
        until=moment(until, name="until"),
    )
    return await audit_page(pool, search, cursor=cursor, limit=limit, min_position=min_position)


async def audit_page(
    pool: Pool, search: Search, *, cursor: str | None, limit: int, min_position: str | None
) -> AuditPage:
    """The page after `cursor`, not older than `min_position`. Raises BadCursor, BadPosition, Behind."""
    wanted = position(min_position, name="min_position")
    if wanted is not None:
        await wait_for_position(pool, SERVICE, Audit.name, wanted, timeout_s=_WAIT_S)
    found = await entries(pool, search, after=decode_cursor(cursor, Place), limit=limit + 1)
    data, following = page_of(found, limit=limit, key=lambda entry: entry.place)
    return AuditPage(data=[_told(entry) for entry in data], next_cursor=following)


def _told(entry: Entry) -> AuditEntry:
    difference = msgspec.json.decode(entry.difference, type=Difference)
    return AuditEntry(
        position=entry.position,
        at=entry.at,
        actor=entry.actor,
        actor_kind=kind_of_actor(entry.actor),
        customer=CustomerId(entry.customer),
        kind=entry.kind,
        entity=entry.entity,
        type=entry.type,
        livemode=entry.livemode,
        changes=difference.changes,
        whole=difference.whole,
    )


ROUTES = [list_audit]
ADMIN_ROUTES = [list_every_audit]
