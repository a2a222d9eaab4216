"""Every change of configuration, for people to look through: who, what, when, and from what to what."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from chassis.event_log import Recorded
from chassis.postgres.fetching import all_rows, rows_of
from chassis.postgres.pool import Pool
from chassis.projection import Db
from config.domain.audit import Difference, Document, difference_of, document_after, entity_of
from contracts.envelope import parse_time
from contracts.ids import CustomerId
from contracts.registry import EventData, decode_data
from contracts.subjects import Log

Entity = tuple[str, str, str]
"""(customer, kind, id)."""

_KEEP = (
    "insert into audit_document (customer, kind, entity, document) values ($1, $2, $3, $4)"
    " on conflict (customer, kind, entity) do update set document = excluded.document"
)


class Audit:
    """The projection. What an entity was before is in a table of its own, so that an event is all it takes."""

    name = "audit"
    log = Log.CONFIG
    tables = """
    create table audit_entry (
        sequence bigint not null,
        index int not null,
        customer text not null,
        kind text not null,
        entity text not null,
        type text not null,
        actor text not null,
        at timestamptz not null,
        livemode bool not null,
        position text not null,
        difference bytea not null,
        primary key (sequence, index)
    );
    create index audit_entry_of_customer on audit_entry (customer, sequence desc, index desc);
    create index audit_entry_of_entity on audit_entry (customer, kind, entity, sequence desc, index desc);
    create index audit_entry_by_actor on audit_entry (actor, sequence desc, index desc);
    create table audit_document (
        customer text not null,
        kind text not null,
        entity text not null,
        document bytea not null,
        primary key (customer, kind, entity)
    );
    """

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """See the port. JSON is kept as bytes: what customers write may hold what PostgreSQL's own JSON refuses."""
        told = [(one, decode_data(one.envelope)) for one in events]
        documents = await _documents(db, {_entity(one, data) for one, data in told})
        entries = []
        for one, data in told:
            entity = _entity(one, data)
            before = documents.get(entity, {})
            documents[entity] = document_after(before, one.envelope.type, data)
            entries.append(_entry(one, entity, difference_of(before, documents[entity])))
        await db.executemany(_INSERT, entries)
        await db.executemany(_KEEP, [[*entity, msgspec.json.encode(kept)] for entity, kept in documents.items()])


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended, within the log."""

    sequence: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    index: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; each that is given narrows. Without a customer it is everybody's."""

    customer: CustomerId | None = None
    kind: str | None = None
    entity: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it stands in the table."""

    sequence: int
    index: int
    customer: str
    kind: str
    entity: str
    type: str
    actor: str
    at: datetime
    livemode: bool
    position: str
    difference: bytes

    @property
    def place(self) -> Place:
        """What the next page comes after."""
        return Place(self.sequence, self.index)


_FIELDS = Entry.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_INSERT = (
    f"insert into audit_entry ({_COLUMNS})"  # noqa: S608 (names of this file)
    f" values ({', '.join(f'${number}' for number in range(1, len(_FIELDS) + 1))})"
)
_FIND = f"select {_COLUMNS} from audit_entry"  # noqa: S608 (names of this file)


async def entries(pool: Pool, search: Search, *, after: Place | None, limit: int) -> list[Entry]:
    """At most `limit` entries, newest first. Raises ReadModelsOutOfReach."""
    conditions, values = _conditions(search, after)
    where = f" where {' and '.join(conditions)}" if conditions else ""
    query = f"{_FIND}{where} order by sequence desc, index desc limit {int(limit)}"
    if search.customer is None:
        found = await all_rows(pool, query, *values)
    else:
        found = await rows_of(pool, search.customer, query, *values)
    return [Entry(**dict(row)) for row in found]


def _conditions(search: Search, after: Place | None) -> tuple[list[str], list[Any]]:
    """Only what is asked for, so that the index of just that is used; the customer is $1 where there is one."""
    wanted: list[tuple[str, list[Any]]] = [
        ("customer = ${}", [search.customer]),
        ("kind = ${}", [search.kind]),
        ("entity = ${}", [search.entity]),
        ("actor = ${}", [search.actor]),
        ("at >= ${}", [search.since]),
        ("at < ${}", [search.until]),
        ("(sequence, index) < (${}, ${})", [after.sequence, after.index] if after else [None]),
    ]
    conditions: list[str] = []
    values: list[Any] = []
    for text, given in wanted:
        if given[0] is not None:
            conditions.append(text.format(*range(len(values) + 1, len(values) + 1 + len(given))))
            values += given
    return conditions, values


def _entity(one: Recorded, data: EventData) -> Entity:
    envelope = one.envelope
    kind, id = entity_of(one.subject.split(".")[2], envelope.subject, envelope.type, data)
    return (envelope.customer, kind, id)


def _entry(one: Recorded, entity: Entity, difference: Difference) -> list[Any]:
    envelope = one.envelope
    customer, kind, id = entity
    row = Entry(
        sequence=one.position.sequence,
        index=one.position.index,
        customer=customer,
        kind=kind,
        entity=id,
        type=envelope.type,
        actor=envelope.actor,
        at=parse_time(envelope.time).astimezone(UTC),
        livemode=envelope.livemode,
        position=one.position.encode(),
        difference=msgspec.json.encode(difference),
    )
    return [getattr(row, field) for field in _FIELDS]


async def _documents(db: Db, entities: set[Entity]) -> dict[Entity, Document]:
    found = await db.fetch(
        "select customer, kind, entity, document from audit_document"
        " where (customer, kind, entity) in (select * from unnest($1::text[], $2::text[], $3::text[]))",
        *([entity[place] for entity in sorted(entities)] for place in range(3)),
    )
    return {(row["customer"], row["kind"], row["entity"]): msgspec.json.decode(row["document"]) for row in found}
