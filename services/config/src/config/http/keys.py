"""/api/keys"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.params import JSONBody

from chassis.api_keys import KnownKey
from chassis.errors import Unavailable
from chassis.http.app import Caller, PathId
from chassis.http.pages import DEFAULT_LIMIT, BadCursor, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import BadPosition, PositionText, position
from config.domain.api_key import BadKey, KeyIsOver
from config.handlers.entities import IssuedKey
from config.http.answers import ConfigEntities, Credentials, Uses, encoded
from contracts.events.api_key import KeyKind
from contracts.ids import ApiKeyId, TemplateId
from contracts.subjects import Log

MAX_OVERLAP_S = 7 * 24 * 3600
_WAIT_S = 2.0

Listed = Annotated[list[str], msgspec.Meta(max_length=50)]


class KeyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scopes of the new key: never more than the asking key has.

    A `publishable` key may stand in a web page. It has the scope `sessions:write` and starts sessions only: from
    `origins` (such as `https://app.example.com`), of `templates`. `expires_at` is RFC 3339.
    """

    scopes: Listed
    kind: KeyKind = "secret"
    origins: Listed = []
    templates: Annotated[list[TemplateId], msgspec.Meta(max_length=50)] = []
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class RotateKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many seconds the old key opens beside the new one."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=MAX_OVERLAP_S)] = 24 * 3600


class KeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is shown this once."""

    id: ApiKeyId
    key: str
    scopes: list[str]
    position: str


class KeySummary(msgspec.Struct, frozen=True, kw_only=True):
    """A key without the key: `hint` is how it ends. Times are RFC 3339 UTC, null where there is none.

    `last_used_at` is true to a minute or two. `rotated_from` is the key that this one replaced.
    """

    id: ApiKeyId
    kind: KeyKind
    livemode: bool
    hint: str
    scopes: list[str]
    origins: list[str]
    templates: list[TemplateId]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None
    rotated_from: str | None


class KeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next_cursor` is null on the last page."""

    data: list[KeySummary]
    next_cursor: str | None


@post("/api/keys", opt={"scope": "keys:write", "refuses": (BadKey,), "idempotent": True})
async def issue_key(data: JSONBody[KeyRequest], principal: Caller, entities: ConfigEntities) -> KeyAnswer:
    """Issue a key with some of the asking key's scopes, test or live as the asking key is."""
    principal.grant(frozenset(data.scopes), livemode=principal.livemode)
    issued = await entities.issue_key(
        principal,
        scopes=data.scopes,
        livemode=principal.livemode,
        kind=data.kind,
        origins=data.origins,
        templates=data.templates,
        expires_at=data.expires_at,
    )
    return _answer(issued, data.scopes)


@get("/api/keys", opt={"scope": "keys:read", "refuses": (BadCursor, BadPosition)})
async def list_keys(
    principal: Caller,
    access: Credentials,
    uses: Uses,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> KeyPage:
    """Your keys in the order in which they were issued, also those that are over."""
    wanted = position(min_position, name="min_position")
    if wanted is not None and wanted.log is not Log.CONFIG:
        raise BadPosition("keys are in the log CONFIG")
    if wanted is not None and not await access.reached(wanted.sequence, timeout_s=_WAIT_S):
        raise Unavailable("the keys have not been read up to this position yet")
    known = access.keys.of(principal.customer)
    begin = _after(known, decode_cursor(cursor, str))
    data, following = page_of(known[begin : begin + limit + 1], limit=limit, key=lambda one: one.principal.key)
    used = await uses([one.principal.key for one in data])
    return KeyPage(data=[_summary(one, used.get(one.principal.key)) for one in data], next_cursor=following)


@post("/api/keys/{key_id:str}/rotate", opt={"scope": "keys:write", "refuses": (KeyIsOver,), "idempotent": True})
async def rotate_key(
    key_id: PathId, data: JSONBody[RotateKey], principal: Caller, entities: ConfigEntities
) -> KeyAnswer:
    """Issue a key like this one, which opens until the overlap is over, or its own end, whichever comes first."""
    overlap = timedelta(seconds=data.overlap_s)
    issued, scopes = await entities.rotate_key(principal, ApiKeyId(key_id), overlap=overlap)
    return _answer(issued, scopes)


@delete("/api/keys/{key_id:str}", opt={"scope": "keys:write"})
async def revoke_key(key_id: PathId, principal: Caller, entities: ConfigEntities) -> None:
    """Revoke a key; from now on it opens nothing."""
    await entities.revoke_key(principal, ApiKeyId(key_id))


def _after(known: Sequence[KnownKey], last: str | None) -> int:
    if last is None:
        return 0
    ids = [one.principal.key for one in known]
    if last not in ids:
        raise BadCursor
    return ids.index(ApiKeyId(last)) + 1


def _answer(issued: IssuedKey, scopes: list[str]) -> KeyAnswer:
    return KeyAnswer(id=issued.id, key=issued.key, scopes=sorted(scopes), position=encoded(issued.position))


def _summary(key: KnownKey, last_used_at: str | None) -> KeySummary:
    principal = key.principal
    return KeySummary(
        id=principal.key,
        kind=key.kind,
        livemode=principal.livemode,
        hint=key.hint,
        scopes=sorted(principal.scopes),
        origins=sorted(principal.origins),
        templates=sorted(principal.templates),
        created_at=key.created_at,
        expires_at=key.expires_at or None,
        last_used_at=last_used_at,
        revoked_at=key.revoked_at or None,
        rotated_from=key.rotated_from or None,
    )


ROUTES = [issue_key, list_keys, rotate_key, revoke_key]
