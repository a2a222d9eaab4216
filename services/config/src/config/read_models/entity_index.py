"""One row per agent, template, panel kind and MCP server, for lists: what it is called, and how it stands."""

from datetime import UTC, datetime

import msgspec

from chassis.event_log import Recorded
from chassis.postgres.fetching import rows_of
from chassis.postgres.pool import Pool
from chassis.projection import Db
from contracts.envelope import Envelope, parse_time
from contracts.events import agent_definition, mcp_server, panel_kind, template
from contracts.ids import CustomerId
from contracts.registry import EventData, decode_data
from contracts.subjects import Log

SERVICE = "config"

_COLUMNS = ("customer", "kind", "id", "name", "archived", "number", "version", "created_at", "updated_at")
_UPSERT = (
    f"insert into entity_index ({', '.join(_COLUMNS)})"  # noqa: S608 (names of this file)
    f" values ({', '.join(f'${number}' for number in range(1, len(_COLUMNS) + 1))})"
    " on conflict (customer, kind, id) do update set "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[3:])
)
_KINDS = {"agent_definition": "agent", "template": "template", "panel_kind": "panel_kind", "mcp_server": "mcp_server"}


class Row(msgspec.Struct, kw_only=True):
    """A row while it is folded. `number` and `version` are those of a template's last version; a kind has a number."""

    customer: str
    kind: str
    id: str
    created_at: datetime
    updated_at: datetime
    name: str = ""
    archived: bool = False
    number: int = 0
    version: str = ""


class EntityIndex:
    """The projection."""

    name = "entity_index"
    log = Log.CONFIG
    tables = """
    create table entity_index (
        customer text not null,
        kind text not null,
        id text not null,
        name text not null,
        archived bool not null,
        number int not null,
        version text not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        primary key (customer, kind, id)
    );
    """

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """See the port: one read and one write per batch, whatever the number of events."""
        told = [one.envelope for one in events if _kind(one.envelope)]
        if not told:
            return
        rows = await _load(db, {_key(envelope) for envelope in told})
        for envelope in told:
            at = parse_time(envelope.time).astimezone(UTC)
            customer, kind, id = key = _key(envelope)
            row = rows.setdefault(key, Row(customer=customer, kind=kind, id=id, created_at=at, updated_at=at))
            row.updated_at = at
            _evolve(row, decode_data(envelope))
        await db.executemany(_UPSERT, [[getattr(row, column) for column in _COLUMNS] for row in rows.values()])


async def entities_of(
    pool: Pool, customer: CustomerId, kind: str, *, archived: bool, after: str, limit: int
) -> list[Row]:
    """A customer's entities of a kind by id, those after the id `after`; archived ones only where asked for."""
    found = await rows_of(
        pool,
        customer,
        f"select {', '.join(_COLUMNS)} from {SERVICE}.entity_index"  # noqa: S608 (names of this file)
        ' where customer = $1 and kind = $2 and id collate "C" > $3 and (not archived or $4)'
        ' order by id collate "C" limit $5',
        *(customer, kind, after, archived, limit),
    )
    return [Row(**dict(row)) for row in found]


def _kind(envelope: Envelope) -> str:
    return _KINDS.get(envelope.type.partition(".")[0], "")


def _key(envelope: Envelope) -> tuple[str, str, str]:
    return (envelope.customer, _kind(envelope), envelope.subject)


async def _load(db: Db, keys: set[tuple[str, str, str]]) -> dict[tuple[str, str, str], Row]:
    found = await db.fetch(
        f"select {', '.join(_COLUMNS)} from entity_index"  # noqa: S608 (names of this file)
        " where (customer, kind, id) in (select * from unnest($1::text[], $2::text[], $3::text[]))",
        *([key[place] for key in sorted(keys)] for place in range(3)),
    )
    return {(row["customer"], row["kind"], row["id"]): Row(**dict(row)) for row in found}


def _evolve(row: Row, data: EventData) -> None:
    match data:
        case agent_definition.AgentDefinitionCreated() | agent_definition.AgentDefinitionRevised():
            row.name, row.archived = data.definition.name, False
        case template.TemplateCreated() | template.TemplateRevised():
            row.name = data.draft.name
        case template.TemplatePublished():
            row.number, row.version = data.number, data.version
        case panel_kind.PanelKindCreated() | panel_kind.PanelKindRevised():
            row.name, row.number = data.definition.title, data.definition.version
        case mcp_server.McpServerCreated():
            row.name = row.id
        case (
            agent_definition.AgentDefinitionArchived()
            | template.TemplateArchived()
            | panel_kind.PanelKindArchived()
            | mcp_server.McpServerArchived()
        ):
            row.archived = True
        case _:
            pass
