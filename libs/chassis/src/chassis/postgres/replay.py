"""Replays a parked session: applies what had waited, in log order, and lets it go on, in one transaction.

The runner may live in another process. The transaction holds the live checkpoint's row, so that the runner stands
still at X; everything of the session from the failed commit up to X is applied; the raised `parked_revision` makes
the runner forget the session before it applies X + 1.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import msgspec

from chassis.event_log import Commit, EventLog
from chassis.postgres.bookkeeping import Checkpoint, is_bookkept, live_checkpoint
from chassis.postgres.decoding import decode
from chassis.postgres.faults import is_passing
from chassis.postgres.generations import AnyProjection
from chassis.postgres.names import generation_schema
from chassis.postgres.parking import ParkedSession, count_attempt, error_text_of, parked_sessions, unpark
from chassis.postgres.pool import Connection, direct
from chassis.projection import Projection
from contracts.ids import CustomerId
from contracts.subjects import owner_filter

_CHUNK = 1000


class Replayed(msgspec.Struct, frozen=True):
    """What became of one parked session: how many events were applied, or why it is still parked."""

    session: ParkedSession
    events: int = 0
    error: str = ""


async def replay_parked(
    dsn: str,
    *,
    log: EventLog,
    service: str,
    projection: AnyProjection,
    customer: str | None = None,
    subject: str | None = None,
) -> list[Replayed]:
    """Try the parked sessions of the live generation again, or only those named; each in its own transaction.

    A session that fails again stays parked where it was, with one attempt more. Raises what the server, the network
    and the log raise.
    """
    async with direct(dsn, name=f"{service}-replay") as connection:
        if not await is_bookkept(connection, service):
            return []
        return [
            await _replay_one(connection, log, service, cast(Projection, projection), session)
            for session in await parked_sessions(connection, service, projection=projection.name)
            if customer in (None, session.customer) and subject in (None, session.subject)
        ]


async def _replay_one(
    connection: Connection, log: EventLog, service: str, projection: Projection, session: ParkedSession
) -> Replayed:
    try:
        async with connection.transaction():
            live = await live_checkpoint(connection, service, projection.name, lock=True)
            if live is None or live.generation != session.generation:
                return Replayed(session, error="another generation is live now")
            events = await _apply_waiting(connection, log, service, projection, session, live)
            await unpark(connection, service, session)
        return Replayed(session, events=events)
    except Exception as error:
        if is_passing(error, closed=connection.is_closed()):
            raise
        await count_attempt(connection, service, session, error)
        return Replayed(session, error=error_text_of(error))


async def _apply_waiting(
    connection: Connection,
    log: EventLog,
    service: str,
    projection: Projection,
    session: ParkedSession,
    live: Checkpoint,
) -> int:
    schema = generation_schema(service, projection.name, session.generation)
    await connection.execute(f"set local search_path to {schema}, public")
    waiting = [
        event
        for commit in await _commits(log, projection, session, up_to=live.sequence)
        for event in decode(commit, live.incarnation).events
    ]
    for start in range(0, len(waiting), _CHUNK):
        await projection.apply(connection, waiting[start : start + _CHUNK])
    return len(waiting)


async def _commits(log: EventLog, projection: Projection, session: ParkedSession, *, up_to: int) -> list[Commit]:
    wanted = owner_filter(projection.log, CustomerId(session.customer), session.subject)
    source = cast(AsyncGenerator[Commit], log.read(projection.log, wanted, after=session.from_sequence - 1))
    async with aclosing(source) as commits:
        return [commit async for commit in commits if commit.sequence <= up_to]
