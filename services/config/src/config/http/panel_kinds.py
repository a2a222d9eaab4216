"""/api/panel-kinds: Baton's own, and those that a customer registers. A template may have any of them at once."""

import datetime
from typing import Any

import msgspec
from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from chassis.http.app import Caller, PathId
from chassis.http.conditions import BadTag, IfMatch, precondition
from chassis.http.pages import DEFAULT_LIMIT, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import PositionText
from config.domain.panel_kind import KindArchived, Written
from config.handlers.panel_kinds import KIND, InvalidPanelKind, PanelKinds
from config.http.answers import encoded, tagged
from config.http.lists import LISTS, ReadModels, level
from config.read_models.entity_index import Row, entities_of
from contracts.panels.kind import PanelKind, PanelKindFile
from contracts.panels.registry import builtin
from contracts.panels.tools import panel_tools
from contracts.positions import Position

KeepsKinds = NamedDependency[PanelKinds]


class PanelKindAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A panel kind as it now reads. `tools`: the names of those that models get for it; `builtin`: Baton's own."""

    kind: str
    version: int
    builtin: bool
    definition: PanelKindFile
    tools: list[str]
    archived: bool = False
    position: str = ""


class PanelKindSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A panel kind in a list; its file is at its own address. Baton's own have no dates."""

    kind: str
    title: str
    version: int
    builtin: bool
    archived: bool = False
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None


class PanelKindPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of panel kinds, by name; `next_cursor` is null on the last."""

    data: list[PanelKindSummary]
    next_cursor: str | None = None


@get(
    "/api/panel-kinds",
    opt={"scope": "panel_kinds:read", "refuses": LISTS},
)
async def list_panel_kinds(
    principal: Caller,
    pool: ReadModels,
    archived: FromQuery[bool] = False,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> PanelKindPage:
    """Every panel kind that a template may have; archived ones too where `archived` is true."""
    await level(pool, min_position)
    after = decode_cursor(cursor, str) or ""
    rows = await entities_of(pool, principal.customer, KIND, archived=archived, after=after, limit=limit + 1)
    own = [_builtin_summary(kind) for name, kind in builtin().items() if name > after]
    found = sorted([*own, *map(_summary, rows)], key=lambda one: one.kind)
    data, next_cursor = page_of(found, limit=limit, key=lambda one: one.kind)
    return PanelKindPage(data=data, next_cursor=next_cursor)


@put(
    "/api/panel-kinds/{panel_kind:str}",
    opt={
        "scope": "panel_kinds:write",
        "refuses": (InvalidPanelKind, KindArchived, BadTag),
        "conditional": True,
        "etag": True,
    },
)
async def write_panel_kind(
    panel_kind: PathId,
    data: JSONBody[PanelKindFile],
    principal: Caller,
    panel_kinds: KeepsKinds,
    if_match: IfMatch = None,
) -> Response[PanelKindAnswer]:
    """Register a kind under a name of your choice, or give it its next version; the same content changes nothing.

    Every mistake is named. Revising one that exists needs If-Match. What was published keeps the version that it has.
    """
    handled = await panel_kinds.write(principal, panel_kind, data, check=precondition(if_match))
    return _answer(handled.state, handled.position)


@get("/api/panel-kinds/{panel_kind:str}", opt={"scope": "panel_kinds:read", "etag": True})
async def get_panel_kind(panel_kind: PathId, principal: Caller, panel_kinds: KeepsKinds) -> Response[PanelKindAnswer]:
    """One panel kind, Baton's own or yours."""
    if panel_kind in builtin():
        return Response(_told(builtin()[panel_kind], builtin=True))
    stream = await panel_kinds.find(principal.customer, panel_kind)
    return _answer(stream.state, stream.position)


@post("/api/panel-kinds/{panel_kind:str}/archive", opt={"scope": "panel_kinds:write", "etag": True}, status_code=200)
async def archive_panel_kind(
    panel_kind: PathId, principal: Caller, panel_kinds: KeepsKinds
) -> Response[PanelKindAnswer]:
    """Take a kind out of use: no template publishes with it any more; versions keep it. Twice is safe."""
    handled = await panel_kinds.archive(principal, panel_kind)
    return _answer(handled.state, handled.position)


def _answer(state: Any, position: Position | None) -> Response[PanelKindAnswer]:
    assert isinstance(state, Written)
    told = _told(state.kind, archived=state.archived, position=encoded(position))
    return Response(told, headers=tagged(position))


def _told(kind: PanelKind, *, builtin: bool = False, archived: bool = False, position: str = "") -> PanelKindAnswer:
    return PanelKindAnswer(
        kind=kind.kind,
        version=kind.version,
        builtin=builtin,
        definition=kind.file,
        tools=[tool.name for tool in panel_tools(kind)],
        archived=archived,
        position=position,
    )


def _builtin_summary(kind: PanelKind) -> PanelKindSummary:
    return PanelKindSummary(kind=kind.kind, title=kind.title, version=kind.version, builtin=True)


def _summary(row: Row) -> PanelKindSummary:
    return PanelKindSummary(
        kind=row.id,
        title=row.name,
        version=row.number,
        builtin=False,
        archived=row.archived,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


ROUTES = [list_panel_kinds, write_panel_kind, get_panel_kind, archive_panel_kind]
