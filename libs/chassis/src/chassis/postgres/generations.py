"""Generations of a projection: make one, point the service's views at it, drop it.

Queries never name a generation: they read `<service>.<table>`, a view that a cut-over points elsewhere in the same
transaction that moves everything else, so a reader sees the old rows or the new ones and never none.
"""

import asyncio
import hashlib
from typing import TypeGuard

import asyncpg

from chassis.postgres.bookkeeping import Checkpoint, checkpoints, ensure_bookkeeping, live_checkpoint
from chassis.postgres.faults import DefinitionChanged, LogReplaced
from chassis.postgres.names import OWN_TABLES, generation_schema, identifier, lock_key
from chassis.postgres.row_security import CUSTOMER_ROLE, READ, secure_rows
from chassis.projection import CommitProjection, Db, Projection

_LOCK_WAIT_MS = 50
_LOCK_PAUSES_S = (0.005, 0.01, 0.02, 0.04) * 8

AnyProjection = Projection | CommitProjection

MOVED = "baton_projection_moved"
"""NOTIFY channel: a cut-over or a drop happened; the payload is ``<service>.<projection>``."""


def is_record(projection: AnyProjection) -> TypeGuard[CommitProjection]:
    """Whether it keeps stored bytes: it never parks, and may hold what the log has purged."""
    return hasattr(projection, "apply_commits")


def definition_of(projection: AnyProjection) -> str:
    """SHA-256 of the projection's DDL, in hexadecimal."""
    return hashlib.sha256(projection.tables.encode()).hexdigest()


async def ensure_live(db: Db, *, service: str, projection: AnyProjection, incarnation: str) -> Checkpoint:
    """The live generation, made empty at the start of the log where there is none; its views exist afterwards.

    Raises LogReplaced or DefinitionChanged when it does not fit what this process would write into it.
    """
    await ensure_bookkeeping(db, service)
    found = await live_checkpoint(db, service, projection.name)
    if found is None:
        async with db.transaction():
            await db.execute("select pg_advisory_xact_lock($1)", lock_key("first", service, projection.name))
            found = await live_checkpoint(db, service, projection.name)
            if found is None:
                made = await make_generation(db, service=service, projection=projection, incarnation=incarnation)
                found = await promote(db, service=service, made=made)
    expect_same_log(found, incarnation)
    if found.definition != definition_of(projection):
        raise DefinitionChanged(f"the live tables of {service}.{projection.name} have other DDL: rebuild it")
    return found


def expect_same_log(checkpoint: Checkpoint, incarnation: str) -> None:
    """Raises LogReplaced when the log is not the one that the generation was built from."""
    if checkpoint.incarnation != incarnation:
        raise LogReplaced(f"{checkpoint.projection} follows another incarnation of {checkpoint.log}: rebuild it")


async def make_generation(db: Db, *, service: str, projection: AnyProjection, incarnation: str) -> Checkpoint:
    """A new, empty generation in the state `building`. Raises ValueError for tables that cannot be compared."""
    async with db.transaction():
        generation = await db.fetchval(
            f"insert into {identifier(service)}.projection as p (name, log, last_generation) values ($1, $2, 1)"
            " on conflict (name) do update set last_generation = p.last_generation + 1 returning last_generation",
            projection.name,
            projection.log.value,
        )
        schema = generation_schema(service, projection.name, generation)
        await db.execute(f"create schema {schema}")
        path = await db.fetchval("select current_setting('search_path')")
        await db.execute(f"set local search_path to {schema}, public")
        await db.execute(projection.tables)
        await db.execute("select set_config('search_path', $1, true)", path)
        await _check_tables(db, service, projection.name, schema)
        await secure_rows(db, schema, grant=READ)
        row = await db.fetchrow(
            f"insert into {service}.checkpoint (projection, generation, state, definition, log, incarnation, sequence)"
            " values ($1, $2, 'building', $3, $4, $5, 0) returning *",
            projection.name,
            generation,
            definition_of(projection),
            projection.log.value,
            incarnation,
        )
    return Checkpoint(**dict(row or {}))


async def promote(db: Db, *, service: str, made: Checkpoint, keep_old: bool = False) -> Checkpoint:
    """Inside the caller's transaction: make `made` the live generation, its views and all, and tell the runners."""
    await db.execute(
        f"update {identifier(service)}.checkpoint set state = 'retired' where projection = $1 and state = 'kept'",
        made.projection,
    )
    await db.execute(
        f"update {service}.checkpoint set state = $2 where projection = $1 and state = 'live'",
        made.projection,
        "kept" if keep_old else "retired",
    )
    row = await db.fetchrow(
        f"update {service}.checkpoint set state = 'live' where projection = $1 and generation = $2 returning *",
        made.projection,
        made.generation,
    )
    await db.execute(
        f"update {service}.projection set live_generation = $2, log = $3 where name = $1",
        made.projection,
        made.generation,
        made.log,
    )
    await _point_views(db, service, generation_schema(service, made.projection, made.generation))
    await db.execute("select pg_notify($1, $2)", MOVED, f"{service}.{made.projection}")
    return Checkpoint(**dict(row or {}))


async def secure_generation(db: Db, *, service: str, live: Checkpoint) -> None:
    """The wall between customers around a live generation that a release without it made."""
    schema = generation_schema(service, live.projection, live.generation)
    async with db.transaction():
        if await secure_rows(db, schema, grant=READ):
            await _point_views(db, service, schema)


async def drop_generation(db: Db, *, service: str, projection: str, generation: int) -> None:
    """Its tables, views on them, parked rows and checkpoint, in one transaction; no error when it is gone already."""
    async with db.transaction():
        await db.execute(f"drop schema if exists {generation_schema(service, projection, generation)} cascade")
        for table in ("parked", "checkpoint"):
            await db.execute(
                f"delete from {identifier(service)}.{table} where projection = $1 and generation = $2",
                projection,
                generation,
            )


async def tables_of(db: Db, schema: str) -> list[str]:
    """The tables in a schema, sorted."""
    rows = await db.fetch(
        "select relname from pg_class where relnamespace = to_regnamespace($1) and relkind in ('r', 'p')"
        " order by relname",
        schema,
    )
    return [row["relname"] for row in rows]


async def primary_key_of(db: Db, schema: str, table: str) -> list[str]:
    """Columns of the primary key, in order; empty when there is none."""
    rows = await db.fetch(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)"
        " where i.indrelid = to_regclass($1) and i.indisprimary order by array_position(i.indkey, a.attnum)",
        f"{schema}.{table}",
    )
    return [row["attname"] for row in rows]


async def _check_tables(db: Db, service: str, projection: str, schema: str) -> None:
    tables = await tables_of(db, schema)
    if not tables:
        raise ValueError(f"{schema}: the DDL of a projection makes at least one table")
    taken = OWN_TABLES | await _tables_of_others(db, service, projection)
    for table in tables:
        if identifier(table) in taken:
            raise ValueError(f"{schema}.{table}: {service} has another table of this name")
        if not await primary_key_of(db, schema, table):
            raise ValueError(f"{schema}.{table} needs a primary key, or nothing can compare its rows")


async def _tables_of_others(db: Db, service: str, projection: str) -> set[str]:
    """Two projections of one service may not share a view's name: the later would take the earlier one's readers."""
    return {
        table
        for other in await checkpoints(db, service)
        if other.projection != projection
        for table in await tables_of(db, generation_schema(service, other.projection, other.generation))
    }


async def _point_views(db: Db, service: str, schema: str) -> None:
    """Whoever reads a view is judged by the policies of its table, which is why it is given both."""
    wanted = await tables_of(db, schema)
    await _lock_views(db, service, wanted)
    await db.execute(f"grant usage on schema {service} to {CUSTOMER_ROLE}")
    for table in wanted:
        text = f"view {service}.{table} with (security_invoker = true) as select * from {schema}.{table}"
        try:
            async with db.transaction():
                await db.execute(f"create or replace {text}")
        except asyncpg.InvalidTableDefinitionError:
            # The columns are not those of the old view with some appended.
            await db.execute(f"drop view {service}.{table}")
            await db.execute(f"create {text}")
        await db.execute(f"grant select on {service}.{table} to {CUSTOMER_ROLE}")


async def _lock_views(db: Db, service: str, tables: list[str]) -> None:
    """All at once, before any is replaced.

    A reader may hold one view and wait for another that we hold. We are the one to give way, at once and not after
    the server's deadlock timeout of a second, so that no reader is ever chosen as the victim, or kept waiting long.
    """
    rows = await db.fetch(
        "select relname from pg_class where relnamespace = to_regnamespace($1) and relkind = 'v'"
        " and relname = any ($2::text[]) order by relname",
        service,
        tables,
    )
    if not rows:
        return
    statement = f"lock table {', '.join(f'{service}.{row[0]}' for row in rows)} in access exclusive mode"
    for pause_s in (*_LOCK_PAUSES_S, None):
        try:
            async with db.transaction():
                await db.execute(f"set local lock_timeout to '{_LOCK_WAIT_MS}ms'")
                await db.execute(statement)
            return
        except asyncpg.LockNotAvailableError:
            if pause_s is None:
                raise
        await asyncio.sleep(pause_s)
