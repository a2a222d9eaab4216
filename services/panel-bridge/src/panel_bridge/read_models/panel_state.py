"""Panel state: every revision of every panel instance, sealed as it came, so that any revision can be shown.

The state itself is folded at the edge, where contents can be opened. Events of the writer `late` moved no panel.
"""

from collections import Counter
from typing import Any, cast

import msgspec
from asyncpg import Pool

from chassis.event_log import Recorded
from chassis.postgres.fetching import rows_of
from chassis.projection import Db
from contracts.events.panel import PanelEvent
from contracts.ids import CustomerId, InvalidId, check_id
from contracts.registry import decode_data
from contracts.subjects import Log, Writer
from panel_bridge.domain.revision import Revision, counted_as, revision_of

_TABLES = """
create table panel_session (
    customer text not null,
    session text not null,
    primary key (customer, session)
);
create table panel_revision (
    customer text not null,
    session text not null,
    sequence bigint not null,
    index int not null,
    panel text not null,
    instance text not null,
    rev bigint not null,
    is_whole boolean not null,
    revision jsonb not null,
    content jsonb,
    primary key (customer, session, sequence, index)
);
create table panel_count (
    customer text not null,
    session text not null,
    panel text not null,
    counted text not null,
    count bigint not null,
    primary key (customer, session, panel, counted)
);
"""

_INSERT_SESSIONS = """
insert into panel_session select distinct * from unnest($1::text[], $2::text[]) on conflict do nothing
"""

_INSERT_REVISIONS = """
insert into panel_revision (customer, session, sequence, index, panel, instance, rev, is_whole, revision, content)
select * from unnest(
    $1::text[], $2::text[], $3::bigint[], $4::int[], $5::text[], $6::text[], $7::bigint[], $8::boolean[], $9::jsonb[],
    $10::jsonb[]
)
"""

_FIND_REVISIONS = """
select revision, case when sequence >= coalesce(max(sequence) filter (where is_whole)
    over (partition by panel, instance), 0) then content end as content
from panel_revision
where customer = $1 and session = $2 and (sequence, index) <= ($3, $4) and ($5::text is null or panel = $5)
order by sequence, index
"""

_ADD_COUNTS = """
insert into panel_count as c (customer, session, panel, counted, count)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
on conflict (customer, session, panel, counted) do update set count = c.count + excluded.count
"""


class PanelState:
    """The projection."""

    name = "panel_state"
    log = Log.SESSIONS
    tables = _TABLES

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """New sessions, their panels' revisions, and what is counted of each panel."""
        await _insert_sessions(db, events)
        found = [(event, _decoded(event)) for event in events if _is_of_panel(event)]
        moved = [(event, moved) for event, data in found if (moved := revision_of(event.envelope, data))]
        await _insert_revisions(db, moved)
        await _add_counts(db, found)


async def knows(pool: Pool, *, customer: CustomerId, session: str) -> bool:
    """Whether this customer has such a session."""
    query = "select 1 from panel_session where customer = $1 and session = $2"
    rows = await rows_of(pool, customer, query, customer, session)
    return bool(rows)


async def revisions_of(
    pool: Pool, *, customer: CustomerId, session: str, at: tuple[int, int] | None = None, panel: str | None = None
) -> list[Revision]:
    """All revisions of a session's panels in log order, up to the place `at` (sequence, index) if given, without the
    content that a later whole one of the same instance replaces.
    """
    rows = await rows_of(
        pool,
        customer,
        _FIND_REVISIONS,
        customer,
        session,
        *(at if at is not None else (2**63 - 1, 0)),
        panel,
    )
    return [msgspec.convert({**row["revision"], "content": row["content"]}, Revision) for row in rows]


async def counts_of(pool: Pool, *, customer: CustomerId, session: str) -> dict[str, dict[str, int]]:
    """By panel: how often it was opened, changed by whom, commanded, refused."""
    query = "select panel, counted, count from panel_count where customer = $1 and session = $2"
    rows = await rows_of(pool, customer, query, customer, session)
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row["panel"], {})[row["counted"]] = row["count"]
    return counts


def _is_of_panel(event: Recorded) -> bool:
    return event.envelope.type.startswith("panel.") and event.envelope.writer != Writer.LATE


def _decoded(event: Recorded) -> PanelEvent:
    return cast(PanelEvent, decode_data(event.envelope))


def _named(event: PanelEvent) -> str:
    """The panel's name; what a rejected event called itself may be anything, and is not worth a row of its own."""
    try:
        return check_id(event.panel)
    except InvalidId:
        return ""


async def _insert_sessions(db: Db, events: list[Recorded]) -> None:
    sessions = sorted({(event.envelope.customer, event.envelope.subject) for event in events})
    await db.execute(_INSERT_SESSIONS, [customer for customer, _ in sessions], [session for _, session in sessions])


async def _insert_revisions(db: Db, moved: list[tuple[Recorded, Revision]]) -> None:
    if not moved:
        return
    await db.execute(
        _INSERT_REVISIONS,
        [event.envelope.customer for event, _ in moved],
        [event.envelope.subject for event, _ in moved],
        [event.position.sequence for event, _ in moved],
        [event.position.index for event, _ in moved],
        [revision.panel for _, revision in moved],
        [revision.instance for _, revision in moved],
        [revision.rev for _, revision in moved],
        [revision.is_whole for _, revision in moved],
        [msgspec.structs.replace(revision, content=None) for _, revision in moved],
        [revision.content for _, revision in moved],
    )


async def _add_counts(db: Db, found: list[tuple[Recorded, PanelEvent]]) -> None:
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for event, data in found:
        counts[event.envelope.customer, event.envelope.subject, _named(data), counted_as(data)] += 1
    if counts:
        columns: list[list[Any]] = [list(column) for column in zip(*counts, strict=True)]
        await db.execute(_ADD_COUNTS, *columns, list(counts.values()))
