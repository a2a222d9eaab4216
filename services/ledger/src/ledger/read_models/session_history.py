"""Session history: who spoke, handoffs, tool calls, panel revisions, the session's life; one row per line of it."""

from typing import Any

import msgspec
from asyncpg import Pool

from chassis.event_log import Recorded
from chassis.postgres.fetching import rows_of
from chassis.projection import Db
from contracts.ids import CustomerId
from contracts.registry import decode_data
from contracts.subjects import Log
from ledger.domain.storable import storable
from ledger.domain.timeline import Item, Outcome, item_of, settled, settles

_TABLES = """
create table history_item (
    customer text not null,
    session text not null,
    sequence bigint not null,
    index int not null,
    call_id text not null,
    item jsonb not null,
    primary key (customer, session, sequence, index)
);
create index on history_item (customer, session, call_id) where call_id <> '';
"""

_UPSERT = """
insert into history_item (customer, session, sequence, index, call_id, item)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::int[], $5::text[], $6::jsonb[])
on conflict (customer, session, sequence, index) do update set item = excluded.item
"""

_OPEN_CALLS = """
select h.customer, h.session, h.sequence, h.index, h.call_id, h.item
from history_item h join unnest($1::text[], $2::text[], $3::text[]) as wanted (customer, session, call_id)
using (customer, session, call_id) order by h.sequence, h.index
"""


class Line(msgspec.Struct, frozen=True):
    """One line of history and its place in the log."""

    customer: CustomerId
    session: str
    sequence: int
    index: int
    item: Item


class SessionHistory:
    """The projection."""

    name = "session_history"
    log = Log.SESSIONS
    tables = _TABLES

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """New lines, and the outcomes of tool calls on the lines that these began."""
        decoded = [(event, decode_data(event.envelope)) for event in events]
        outcomes = [(event, outcome) for event, data in decoded if (outcome := settles(event.envelope, data))]
        lines = [_line(event, item) for event, data in decoded if (item := item_of(event.envelope, data))]
        touched = {_place(line): line for line in lines}
        calls = await _open_calls(db, outcomes) | {_call(line): line for line in lines if line.item.kind == "tool"}
        for event, outcome in outcomes:
            began = calls.get((event.envelope.customer, event.envelope.subject, storable(outcome.call_id)))
            if began is not None:
                ended = msgspec.structs.replace(began, item=settled(began.item, event.envelope, outcome))
                touched[_place(ended)] = ended
        await _upsert(db, list(touched.values()))


async def history_of(
    pool: Pool, *, customer: CustomerId, session: str, after: tuple[int, int] = (0, 0), limit: int
) -> list[Line]:
    """Lines of a session in log order, beyond the place `after` (sequence, index), at most `limit`."""
    rows = await rows_of(
        pool,
        customer,
        "select customer, session, sequence, index, item from history_item"
        " where customer = $1 and session = $2 and (sequence, index) > ($3, $4) order by sequence, index limit $5",
        customer,
        session,
        *after,
        limit,
    )
    return [_read(row) for row in rows]


async def _open_calls(db: Db, outcomes: list[tuple[Recorded, Outcome]]) -> dict[tuple[str, str, str], Line]:
    if not outcomes:
        return {}
    rows = await db.fetch(
        _OPEN_CALLS,
        [event.envelope.customer for event, _ in outcomes],
        [event.envelope.subject for event, _ in outcomes],
        [storable(outcome.call_id) for _, outcome in outcomes],
    )
    return {_call(line): line for line in map(_read, rows)}


async def _upsert(db: Db, lines: list[Line]) -> None:
    if not lines:
        return
    await db.execute(
        _UPSERT,
        [line.customer for line in lines],
        [line.session for line in lines],
        [line.sequence for line in lines],
        [line.index for line in lines],
        [storable(line.item.ref) if line.item.kind == "tool" else "" for line in lines],
        [storable(line.item) for line in lines],
    )


def _line(event: Recorded, item: Item) -> Line:
    envelope, position = event.envelope, event.position
    return Line(envelope.customer, envelope.subject, position.sequence, position.index, item)


def _place(line: Line) -> tuple[str, str, int, int]:
    return (line.customer, line.session, line.sequence, line.index)


def _call(line: Line) -> tuple[str, str, str]:
    return (line.customer, line.session, storable(line.item.ref))


def _read(row: Any) -> Line:
    item = msgspec.convert(row["item"], Item)
    return Line(row["customer"], row["session"], row["sequence"], row["index"], item)
