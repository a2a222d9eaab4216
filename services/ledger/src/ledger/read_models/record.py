"""The record: every commit as received, undecoded, append-only, hash-chained per stream.

It must never interpret, repair or skip what it stores: a commit that nobody can read is in the record too.
"""

from collections.abc import AsyncIterator

from asyncpg import Pool

from chassis.event_log import Commit
from chassis.postgres.fetching import rows_of
from chassis.projection import Db
from contracts.ids import CustomerId
from contracts.subjects import Log, owner_of
from ledger.domain.chain import Head, RecordedCommit, extended, genesis

_PAGE = 200

_TABLES = """
create table {log}_commit (
    sequence bigint primary key,
    subject text not null,
    number bigint not null,
    customer text not null,
    entity text not null,
    stored_ns bigint not null,
    payload bytea not null,
    head bytea not null,
    unique (subject, number)
);
create index on {log}_commit (customer, entity, sequence);
create table {log}_chain (
    subject text primary key,
    customer text not null,
    entity text not null,
    count bigint not null,
    head bytea not null
);
create index on {log}_chain (customer, entity);
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the record is append-only: % of % is refused', tg_op, tg_table_name;
end $$;
create trigger append_only before update or delete on {log}_commit for each row execute function refuse_change();
create trigger never_emptied before truncate on {log}_commit for each statement execute function refuse_change();
"""


class Record:
    """The record of one log. A chain's head is kept beside, so that a batch need not read the stream."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.name = f"record_{log.lower()}"
        self.tables = _TABLES.format(log=log.lower())

    async def apply_commits(self, db: Db, commits: list[Commit]) -> None:
        """Append the commits and move their chains."""
        heads = await self._heads(db, sorted({commit.subject for commit in commits}))
        values: list[Head] = []
        for commit in commits:
            heads[commit.subject] = extended(heads[commit.subject], commit.payload)
            values.append(heads[commit.subject])
        await self._append(db, commits, values)
        await self._move_chains(db, list(heads.values()))

    async def _heads(self, db: Db, subjects: list[str]) -> dict[str, Head]:
        rows = await db.fetch(
            f"select subject, count, head from {self.log.lower()}_chain where subject = any ($1)",  # noqa: S608
            subjects,
        )
        return {subject: genesis(subject) for subject in subjects} | {row["subject"]: Head(*row) for row in rows}

    async def _append(self, db: Db, commits: list[Commit], heads: list[Head]) -> None:
        owners = [_owner(commit.subject) for commit in commits]
        await db.execute(
            f"insert into {self.log.lower()}_commit"  # noqa: S608
            " (sequence, subject, number, customer, entity, stored_ns, payload, head) select * from unnest"
            "($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::bytea[])",
            [commit.sequence for commit in commits],
            [commit.subject for commit in commits],
            [head.count for head in heads],
            [customer for customer, _ in owners],
            [entity for _, entity in owners],
            [commit.stored_ns for commit in commits],
            [commit.payload for commit in commits],
            [head.value for head in heads],
        )

    async def _move_chains(self, db: Db, heads: list[Head]) -> None:
        owners = [_owner(head.subject) for head in heads]
        await db.execute(
            f"insert into {self.log.lower()}_chain (subject, customer, entity, count, head)"  # noqa: S608
            " select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bytea[])"
            " on conflict (subject) do update set count = excluded.count, head = excluded.head",
            [head.subject for head in heads],
            [customer for customer, _ in owners],
            [entity for _, entity in owners],
            [head.count for head in heads],
            [head.value for head in heads],
        )


def _owner(subject: str) -> tuple[str, str]:
    """(customer, session or entity); empty for a subject of no known form, which is recorded all the same."""
    try:
        owner = owner_of(subject)
    except ValueError:
        return ("", "")
    return (owner.customer, owner.entity)


async def heads_of(pool: Pool, *, customer: CustomerId, session: str) -> list[Head]:
    """The chain heads of a session's streams, by subject; empty for a session that this customer does not have."""
    rows = await rows_of(
        pool,
        customer,
        "select subject, count, head from sessions_chain where customer = $1 and entity = $2 order by subject",
        customer,
        session,
    )
    return [Head(*row) for row in rows]


async def commits_of(
    pool: Pool, *, customer: CustomerId, session: str, after: int = 0, up_to: int | None = None
) -> AsyncIterator[RecordedCommit]:
    """A session's commits of all writers in log order, with `after` < sequence <= `up_to`, read page by page."""
    while True:
        rows = await rows_of(
            pool,
            customer,
            "select subject, number, sequence, stored_ns, payload from sessions_commit"
            " where customer = $1 and entity = $2 and sequence > $3 and sequence <= $4 order by sequence limit $5",
            customer,
            session,
            after,
            up_to if up_to is not None else 2**63 - 1,
            _PAGE,
        )
        for row in rows:
            yield RecordedCommit(*row)
        if len(rows) < _PAGE:
            return
        after = rows[-1]["sequence"]
