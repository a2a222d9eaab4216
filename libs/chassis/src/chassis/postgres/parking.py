"""Parked sessions: those whose event a projection could not apply. Their later events wait; all others go on."""

import re
from datetime import datetime

import msgspec

from chassis.postgres.names import identifier
from chassis.projection import Db
from contracts.subjects import StreamOwner

_ERROR_CHARACTERS = 500


class ParkedSession(msgspec.Struct, frozen=True, kw_only=True):
    """One parked session (or entity) of one generation, from the commit `from_sequence` on.

    `from_index` and `event_id` name the event that failed (empty for a commit that does not decode). `error` is the
    last failure in words, `attempts` how often it was tried.
    """

    projection: str
    generation: int
    customer: str
    subject: str
    from_sequence: int
    from_index: int
    event_id: str
    error_code: str
    error: str
    parked_at: datetime
    attempts: int = 1


_COLUMNS = ", ".join(ParkedSession.__struct_fields__)


async def parked_sessions(
    db: Db, service: str, *, projection: str | None = None, generation: int | None = None
) -> list[ParkedSession]:
    """By projection and log order; without `generation` those of the live generations."""
    rows = await db.fetch(
        f"select {_COLUMNS} from {identifier(service)}.parked p where ($1::text is null or projection = $1)"
        f" and generation = coalesce($2, (select live_generation from {service}.projection where name = p.projection))"
        " order by projection, from_sequence, subject",
        projection,
        generation,
    )
    return [ParkedSession(**dict(row)) for row in rows]


async def parked_owners(db: Db, service: str, projection: str, generation: int) -> set[tuple[str, str]]:
    """(customer, subject) of what a runner must pass over."""
    rows = await db.fetch(
        f"select customer, subject from {identifier(service)}.parked where projection = $1 and generation = $2",
        projection,
        generation,
    )
    return {(row["customer"], row["subject"]) for row in rows}


async def park(db: Db, service: str, session: ParkedSession) -> None:
    """In the transaction that moves the checkpoint past the failed commit."""
    values = [getattr(session, column) for column in ParkedSession.__struct_fields__]
    marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await db.execute(f"insert into {identifier(service)}.parked ({_COLUMNS}) values ({marks})", *values)


async def unpark(db: Db, service: str, session: ParkedSession) -> None:
    """In the transaction that applied what had waited; the runner notices by the raised `parked_revision`."""
    await db.execute(
        f"delete from {identifier(service)}.parked"
        " where projection = $1 and generation = $2 and customer = $3 and subject = $4",
        session.projection,
        session.generation,
        session.customer,
        session.subject,
    )
    await db.execute(
        f"update {service}.checkpoint set parked_revision = parked_revision + 1"
        " where projection = $1 and generation = $2",
        session.projection,
        session.generation,
    )


async def count_attempt(db: Db, service: str, session: ParkedSession, error: Exception) -> None:
    """After a replay that failed again."""
    await db.execute(
        f"update {identifier(service)}.parked set attempts = attempts + 1, error_code = $5, error = $6"
        " where projection = $1 and generation = $2 and customer = $3 and subject = $4",
        session.projection,
        session.generation,
        session.customer,
        session.subject,
        error_code_of(error),
        error_text_of(error),
    )


def error_code_of(error: Exception) -> str:
    """The error's own stable code, the server's SQLSTATE, or its class in snake_case."""
    code = getattr(error, "code", None) or getattr(error, "sqlstate", None)
    return code if isinstance(code, str) else re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()


def error_text_of(error: Exception) -> str:
    """Class and first line, cut short: details of the server may quote a row."""
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:_ERROR_CHARACTERS]


def owner_pair(owner: StreamOwner) -> tuple[str, str]:
    """What a parked row is found by."""
    return (owner.customer, owner.entity)
