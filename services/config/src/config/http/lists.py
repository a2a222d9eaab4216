"""GET /api/agents, /api/templates and /api/mcp-servers: what there is, in pages."""

import datetime

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from chassis.http.app import Caller
from chassis.http.pages import DEFAULT_LIMIT, BadCursor, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import BadPosition, PositionText, position
from chassis.postgres.faults import Behind, PositionOfAnotherLog
from chassis.postgres.pool import Pool
from chassis.postgres.wait import wait_for_position
from config.read_models.entity_index import SERVICE, EntityIndex, Row, entities_of
from contracts.ids import AgentId, CustomerId, TemplateId, VersionHash

ReadModels = NamedDependency[Pool]
_WAIT_S = 2.0
LISTS = (BadCursor, BadPosition, Behind, PositionOfAnotherLog)
"""What a list in pages may refuse, beside who asks."""


class AgentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An agent definition in a list; its content is at its own address."""

    id: AgentId
    name: str
    archived: bool
    created_at: datetime.datetime
    updated_at: datetime.datetime


class AgentPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of agent definitions, by id; `next_cursor` is null on the last."""

    data: list[AgentSummary]
    next_cursor: str | None = None


class TemplateSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A template in a list; `number` and `version` are those of its last version, 0 and empty before the first."""

    id: TemplateId
    name: str
    number: int
    version: VersionHash
    archived: bool
    created_at: datetime.datetime
    updated_at: datetime.datetime


class TemplatePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of templates, by id; `next_cursor` is null on the last."""

    data: list[TemplateSummary]
    next_cursor: str | None = None


class McpServerSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An MCP server in a list; its tools are at its own address."""

    name: str
    archived: bool
    created_at: datetime.datetime
    updated_at: datetime.datetime


class McpServerPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of MCP servers, by name; `next_cursor` is null on the last."""

    data: list[McpServerSummary]
    next_cursor: str | None = None


@get("/api/agents", opt={"scope": "agents:read", "refuses": LISTS})
async def list_agents(
    principal: Caller,
    pool: ReadModels,
    archived: FromQuery[bool] = False,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> AgentPage:
    """Your agent definitions; archived ones too where `archived` is true."""
    await level(pool, min_position)
    rows, next_cursor = await _page(pool, principal.customer, "agent", archived, cursor, limit)
    data = [
        AgentSummary(
            id=AgentId(row.id),
            name=row.name,
            archived=row.archived,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]
    return AgentPage(data=data, next_cursor=next_cursor)


@get("/api/templates", opt={"scope": "templates:read", "refuses": LISTS})
async def list_templates(
    principal: Caller,
    pool: ReadModels,
    archived: FromQuery[bool] = False,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> TemplatePage:
    """Your templates; archived ones too where `archived` is true."""
    await level(pool, min_position)
    rows, next_cursor = await _page(pool, principal.customer, "template", archived, cursor, limit)
    data = [
        TemplateSummary(
            id=TemplateId(row.id),
            name=row.name,
            number=row.number,
            version=VersionHash(row.version),
            archived=row.archived,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]
    return TemplatePage(data=data, next_cursor=next_cursor)


@get("/api/mcp-servers", opt={"scope": "tools:read", "refuses": LISTS})
async def list_mcp_servers(
    principal: Caller,
    pool: ReadModels,
    archived: FromQuery[bool] = False,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> McpServerPage:
    """Your MCP servers; archived ones too where `archived` is true."""
    await level(pool, min_position)
    rows, next_cursor = await _page(pool, principal.customer, "mcp_server", archived, cursor, limit)
    data = [
        McpServerSummary(name=row.name, archived=row.archived, created_at=row.created_at, updated_at=row.updated_at)
        for row in rows
    ]
    return McpServerPage(data=data, next_cursor=next_cursor)


async def _page(
    pool: Pool, customer: CustomerId, kind: str, archived: bool, cursor: str | None, limit: int
) -> tuple[list[Row], str | None]:
    after = decode_cursor(cursor, str) or ""
    found = await entities_of(pool, customer, kind, archived=archived, after=after, limit=limit + 1)
    return page_of(found, limit=limit, key=lambda row: row.id)


async def level(pool: Pool, min_position: str | None) -> None:
    """Wait until the list is as new as the asker wants it; raises BadPosition, Behind, PositionOfAnotherLog."""
    wanted = position(min_position, name="min_position")
    if wanted is not None:
        await wait_for_position(pool, SERVICE, EntityIndex.name, wanted, timeout_s=_WAIT_S)


ROUTES = [list_agents, list_templates, list_mcp_servers]
