"""The chassis' own tables in a service's schema: which generation is live, how far each has come, who is parked.

They are made by the chassis, not by a service's migrations, and nobody else writes them. A *generation* is one build
of a projection, in a schema of its own; exactly one is live.
"""

from datetime import datetime
from typing import Literal

import msgspec

from chassis.postgres.names import identifier, lock_key
from chassis.postgres.row_security import READ, ensure_customer_role, secure_rows
from chassis.projection import Db

State = Literal["building", "live", "kept", "retired"]
"""A generation's life: built beside, served, kept for a rollback, waiting to be dropped."""

_TABLES = """
create schema if not exists {service};
create table if not exists {service}.projection (
    name text primary key,
    log text not null,
    live_generation int,
    last_generation int not null default 0
);
create table if not exists {service}.checkpoint (
    projection text not null references {service}.projection (name),
    generation int not null,
    state text not null check (state in ('building', 'live', 'kept', 'retired')),
    definition text not null,
    log text not null,
    incarnation text not null,
    sequence bigint not null,
    parked_revision bigint not null default 0,
    moved_at timestamptz not null default now(),
    primary key (projection, generation)
);
create unique index if not exists one_live_generation on {service}.checkpoint (projection) where state = 'live';
create table if not exists {service}.parked (
    projection text not null,
    generation int not null,
    customer text not null,
    subject text not null,
    from_sequence bigint not null,
    from_index int not null,
    event_id text not null,
    error_code text not null,
    error text not null,
    parked_at timestamptz not null,
    attempts int not null default 1,
    primary key (projection, generation, customer, subject)
);
"""


class Checkpoint(msgspec.Struct, frozen=True):
    """How far one generation has come: every commit up to `sequence` of `log` is in its tables, or parked."""

    projection: str
    generation: int
    state: State
    definition: str
    log: str
    incarnation: str
    sequence: int
    parked_revision: int
    moved_at: datetime


_COLUMNS = ", ".join(Checkpoint.__struct_fields__)


async def ensure_bookkeeping(db: Db, service: str) -> None:
    """Make the tables where they are missing; safe from many processes at once."""
    if await db.fetchval("select to_regclass($1)", f"{identifier(service)}.parked") is not None:
        return
    await ensure_customer_role(db)
    async with db.transaction():
        await db.execute("select pg_advisory_xact_lock($1)", lock_key("bookkeeping", service))
        await db.execute(_TABLES.format(service=service))
        await secure_rows(db, service, grant=READ)


async def is_bookkept(db: Db, service: str) -> bool:
    """Whether `ensure_bookkeeping` ever ran here."""
    return await db.fetchval("select to_regclass($1)", f"{identifier(service)}.parked") is not None


async def live_checkpoint(db: Db, service: str, projection: str, *, lock: bool = False) -> Checkpoint | None:
    """Of the live generation; None when there is none. `lock` holds its runner back until the transaction ends."""
    found = await db.fetchrow(
        f"select {_COLUMNS} from {identifier(service)}.checkpoint where projection = $1 and state = 'live'"
        + (" for update" if lock else ""),
        projection,
    )
    return None if found is None else Checkpoint(**dict(found))


async def read_checkpoint(db: Db, service: str, projection: str, generation: int) -> Checkpoint | None:
    """Of one generation."""
    found = await db.fetchrow(
        f"select {_COLUMNS} from {identifier(service)}.checkpoint where projection = $1 and generation = $2",
        projection,
        generation,
    )
    return None if found is None else Checkpoint(**dict(found))


async def checkpoints(db: Db, service: str) -> list[Checkpoint]:
    """All generations of all projections, in order."""
    rows = await db.fetch(f"select {_COLUMNS} from {identifier(service)}.checkpoint order by projection, generation")
    return [Checkpoint(**dict(row)) for row in rows]
