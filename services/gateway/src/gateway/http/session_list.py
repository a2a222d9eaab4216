"""/api/sessions and /api/sessions/{id}: a customer's sessions, found by what it knows of them."""

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from litestar import Request, get
from litestar.params import FromQuery

from chassis.http.app import Caller, PathId
from chassis.http.pages import DEFAULT_LIMIT, BadCursor, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import BadPosition, BadTime, MomentText, PositionText, moment, one_of, position
from chassis.postgres.faults import Behind, PositionOfAnotherLog
from chassis.postgres.pool import Pool
from chassis.postgres.wait import wait_for_position
from contracts.ids import SessionId
from gateway.adapters.reach import StoreUnavailable, store_in_reach
from gateway.http.asking import KeepsKeys, Opens, ReadModels
from gateway.http.bodies import BadId, checked_id
from gateway.http.given import BadMetadata, check_metadata
from gateway.http.session_bodies import SessionDetail, SessionPage, detail, sealed_envelope, summary
from gateway.http.sessions import NoSuchSession
from gateway.read_models.session_index import SERVICE, SessionIndex
from gateway.read_models.session_list import Place, Search, Status, session_of, sessions_of

_METADATA = "metadata."
_WAIT_S = 2.0


@get(
    "/api/sessions",
    opt={
        "scope": "sessions:read",
        "refuses": (
            BadId,
            BadCursor,
            BadTime,
            BadMetadata,
            BadPosition,
            Behind,
            PositionOfAnotherLog,
            StoreUnavailable,
        ),
    },
)
async def list_sessions(
    request: Request[Any, Any, Any],
    principal: Caller,
    pool: ReadModels,
    vault: KeepsKeys,
    opener: Opens,
    status: Annotated[str | None, one_of(*get_args(Status))] = None,
    template_id: FromQuery[str | None] = None,
    external_id: FromQuery[str | None] = None,
    created_after: MomentText = None,
    created_before: MomentText = None,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> SessionPage:
    """Your sessions, newest first. `metadata.<key>=<value>` finds those that were started with the whole pair; each
    filter narrows.
    """
    await _level(pool, min_position)
    pairs = _metadata(request.query_params.dict())
    with store_in_reach():
        digests = await vault.metadata_digests(principal.customer, pairs)
    search = Search(
        status=status,
        template_id=None if template_id is None else checked_id(template_id, at="/template_id"),
        external_id=None if external_id is None else checked_id(external_id, at="/external_id"),
        digests=digests,
        created_after=moment(created_after, name="created_after"),
        created_before=moment(created_before, name="created_before"),
    )
    rows = await sessions_of(pool, principal.customer, search, after=_place(cursor), limit=limit + 1)
    shown, next_cursor = page_of(rows, limit=limit, key=lambda row: row.place)
    opened = await opener.open(principal.customer, [sealed_envelope(principal.customer, row) for row in shown])
    data = [summary(row, personal) for row, personal in zip(shown, opened, strict=True)]
    return SessionPage(data=data, next_cursor=next_cursor)


@get(
    "/api/sessions/{session_id:str}",
    opt={
        "scope": "sessions:read",
        "refuses": (NoSuchSession, BadPosition, Behind, PositionOfAnotherLog, StoreUnavailable),
    },
)
async def get_session(
    session_id: PathId,
    principal: Caller,
    pool: ReadModels,
    opener: Opens,
    min_position: PositionText = None,
) -> SessionDetail:
    """One session, with all that was given at its start."""
    await _level(pool, min_position)
    row = await session_of(pool, principal.customer, SessionId(session_id))
    if row is None:
        raise NoSuchSession
    (opened,) = await opener.open(principal.customer, [sealed_envelope(principal.customer, row)])
    return detail(row, opened)


async def _level(pool: Pool, min_position: str | None) -> None:
    """Wait until the index is as new as the asker wants it; raises BadPosition, Behind, PositionOfAnotherLog."""
    wanted = position(min_position, name="min_position")
    if wanted is not None:
        await wait_for_position(pool, SERVICE, SessionIndex.name, wanted, timeout_s=_WAIT_S)


def _metadata(query: Mapping[str, list[str]]) -> dict[str, str]:
    """The pairs looked for; raises BadMetadata."""
    pairs = {name.removeprefix(_METADATA): values[-1] for name, values in query.items() if name.startswith(_METADATA)}
    check_metadata(pairs)
    return pairs


def _place(cursor: str | None) -> Place | None:
    place = decode_cursor(cursor, Place)
    if place is not None and place.requested_at.tzinfo is None:
        raise BadCursor
    return place


ROUTES = [list_sessions, get_session]
