"""Handoffs of each session: who handed to whom, how long it took, or why it was refused; one row per transfer call."""

from typing import Any, cast

import msgspec
from asyncpg import Pool

from chassis.event_log import Recorded
from chassis.postgres.fetching import rows_of
from chassis.projection import Db
from contracts.events.handoff import HandoffEvent
from contracts.ids import CustomerId
from contracts.registry import decode_data
from contracts.subjects import Log, Writer
from ledger.domain.storable import storable
from ledger.domain.transfers import Transfer, transferred

_TABLES = """
create table handoff (
    customer text not null,
    session text not null,
    call_id text not null,
    sequence bigint not null,
    index int not null,
    transfer jsonb not null,
    primary key (customer, session, call_id)
);
"""

_UPSERT = """
insert into handoff (customer, session, call_id, sequence, index, transfer)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::int[], $6::jsonb[])
on conflict (customer, session, call_id) do update set transfer = excluded.transfer
"""

_FIND = """
select h.* from handoff h join unnest($1::text[], $2::text[], $3::text[]) as wanted (customer, session, call_id)
using (customer, session, call_id)
"""

_Key = tuple[str, str, str]


class Row(msgspec.Struct, frozen=True):
    """One transfer, and the place in the log of its first event."""

    customer: CustomerId
    session: str
    call_id: str
    sequence: int
    index: int
    transfer: Transfer


class Handoffs:
    """The projection."""

    name = "handoffs"
    log = Log.SESSIONS
    tables = _TABLES

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """Each transfer's row, as its events leave it."""
        found = [
            (event, cast(HandoffEvent, decode_data(event.envelope)))
            for event in events
            if event.envelope.type.startswith("handoff.") and event.envelope.writer != Writer.LATE
        ]
        if not found:
            return
        rows = await _rows(db, [_key(event, handoff) for event, handoff in found])
        for event, handoff in found:
            before = rows.get(_key(event, handoff))
            rows[_key(event, handoff)] = _moved(before, event, handoff)
        await _upsert(db, list(rows.values()))


async def handoffs_of(pool: Pool, *, customer: CustomerId, session: str) -> list[Row]:
    """All transfers of a session, by when they were asked for."""
    query = "select * from handoff where customer = $1 and session = $2 order by sequence, index"
    rows = await rows_of(pool, customer, query, customer, session)
    return [_read(row) for row in rows]


def _key(event: Recorded, handoff: HandoffEvent) -> _Key:
    return (event.envelope.customer, event.envelope.subject, storable(handoff.call_id))


def _moved(before: Row | None, event: Recorded, handoff: HandoffEvent) -> Row:
    if before is not None:
        return msgspec.structs.replace(before, transfer=transferred(before.transfer, event.envelope, handoff))
    place = event.position
    transfer = transferred(None, event.envelope, handoff)
    envelope = event.envelope
    return Row(envelope.customer, envelope.subject, storable(handoff.call_id), place.sequence, place.index, transfer)


async def _rows(db: Db, keys: list[_Key]) -> dict[_Key, Row]:
    columns = [list(column) for column in zip(*keys, strict=True)]
    rows = map(_read, await db.fetch(_FIND, *columns))
    return {(row.customer, row.session, row.call_id): row for row in rows}


async def _upsert(db: Db, rows: list[Row]) -> None:
    await db.execute(
        _UPSERT,
        [row.customer for row in rows],
        [row.session for row in rows],
        [row.call_id for row in rows],
        [row.sequence for row in rows],
        [row.index for row in rows],
        [storable(row.transfer) for row in rows],
    )


def _read(row: Any) -> Row:
    return msgspec.convert(dict(row), Row)
