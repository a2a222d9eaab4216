"""Rebuild a read model under load, check that the live one equals its log, or drop it.

Blue/green. The new generation is built beside the live one; at the cut-over the live runner is held back at X by a
row lock, the new generation reaches X, and views, checkpoint and live generation move in one transaction. The old
runner then finds its checkpoint retired, writes nothing, and follows the new generation. None of this needs a runner
to be alive, or to be in this process.
"""

import asyncio

import asyncpg
import msgspec

from chassis.event_log import EventLog
from chassis.postgres.bookkeeping import Checkpoint, checkpoints, is_bookkept, live_checkpoint
from chassis.postgres.building import Build, BuildStalled, building
from chassis.postgres.comparing import Comparison, compare
from chassis.postgres.faults import BuildUnderWay, DefinitionChanged, LogReplaced, NoSuchProjection
from chassis.postgres.generations import MOVED, AnyProjection, definition_of, drop_generation, is_record, promote
from chassis.postgres.names import build_key, generation_schema, identifier
from chassis.postgres.parking import ParkedSession, parked_sessions
from chassis.postgres.pool import Connection, direct

_DIFFERENCES = 1000
_CUT_OVER_PAUSES_S = (0.5, 1.0, 2.0, 4.0)


class CheckReport(msgspec.Struct, frozen=True):
    """The live generation against one built from the log, both at commit `sequence`.

    `parked` are the sessions that either had parked: their rows are in `comparison.excused`, not among the
    differences.
    """

    projection: str
    sequence: int
    comparison: Comparison
    parked: list[ParkedSession]

    @property
    def equal(self) -> bool:
        """Nothing differs."""
        return not self.comparison.differences


class RebuildReport(msgspec.Struct, frozen=True):
    """`generation` is live since commit `sequence`; `check` compares the two generations just before, where they had
    the same DDL and log.
    """

    projection: str
    generation: int
    sequence: int
    check: CheckReport | None = None


class NotEqual(Exception):
    """The rebuilt tables differ from the live ones and the caller had asked for equal ones; nothing was changed."""

    code = "rebuild_differs"

    def __init__(self, report: CheckReport) -> None:
        super().__init__(f"{report.projection}: {len(report.comparison.differences)} rows differ")
        self.report = report


async def rebuild(
    dsn: str,
    *,
    log: EventLog,
    service: str,
    projection: AnyProjection,
    keep_old: bool = False,
    only_if_equal: bool = False,
) -> RebuildReport:
    """Build anew from the log and take over. `keep_old` leaves the old tables in their schema until the next rebuild.

    A folded read model may change by it; a CommitProjection (the record) never loses a row: where the log lacks what
    the live one holds it raises NotEqual, and where the two cannot be compared DefinitionChanged or LogReplaced.
    Raises also BuildUnderWay, BuildStalled, NotEqual with `only_if_equal`, and what server and log raise.
    """
    async with building(dsn, event_log=log, service=service, projection=projection) as build:
        report = await _check_if_comparable(build, dsn, service, projection)
        if report is not None and (_would_lose(projection, report) or (only_if_equal and not report.equal)):
            raise NotEqual(report)
        made = await _cut_over(build, service, keep_old)
    return RebuildReport(projection.name, made.generation, made.sequence, report)


async def check(
    dsn: str, *, log: EventLog, service: str, projection: AnyProjection, limit: int = _DIFFERENCES
) -> CheckReport:
    """Build beside the live tables, compare row by row at the same commit, drop the build again.

    The live runner is held back only for the last few commits, not for the comparison. Raises NoSuchProjection,
    DefinitionChanged, LogReplaced, BuildUnderWay, BuildStalled.
    """
    async with building(dsn, event_log=log, service=service, projection=projection) as build:
        return await _check(build, dsn, service, projection, limit)


async def drop(dsn: str, *, service: str, projection: str) -> None:
    """Every generation with its rows and parked sessions. A runner that lives starts again from nothing."""
    async with direct(dsn, name=f"{identifier(service)}-drop") as connection:
        if not await is_bookkept(connection, service):
            raise NoSuchProjection(f"there is no {projection} in {service}")
        if not await connection.fetchval("select pg_try_advisory_lock($1)", build_key(service, projection)):
            raise BuildUnderWay(f"{projection} is being rebuilt or checked")
        async with connection.transaction():
            found = [each for each in await checkpoints(connection, service) if each.projection == projection]
            if not found:
                raise NoSuchProjection(f"there is no {projection} in {service}")
            await live_checkpoint(connection, service, projection, lock=True)
            for each in found:
                await drop_generation(connection, service=service, projection=projection, generation=each.generation)
            await connection.execute(
                f"update {service}.projection set live_generation = null where name = $1", projection
            )
            await connection.execute("select pg_notify($1, $2)", MOVED, f"{service}.{projection}")


async def _check_if_comparable(build: Build, dsn: str, service: str, projection: AnyProjection) -> CheckReport | None:
    """None where there is nothing that the new generation must be equal to."""
    try:
        return await _check(build, dsn, service, projection, _DIFFERENCES)
    except NoSuchProjection:
        return None
    except (DefinitionChanged, LogReplaced):
        if is_record(projection):
            raise
        return None


def _would_lose(projection: AnyProjection, report: CheckReport) -> bool:
    """The record may hold what the log has purged since: no rebuild may take that away."""
    found = report.comparison
    return is_record(projection) and (found.more or any(each.kind == "extra" for each in found.differences))


async def _cut_over(build: Build, service: str, keep_old: bool) -> Checkpoint:
    """Tried again while long readers hold the views; the live runner goes on in between."""
    for pause_s in (*_CUT_OVER_PAUSES_S, None):
        try:
            async with build.level_with_live() as (holder, _):
                made = await build.checkpoint()
                await promote(holder, service=service, made=made, keep_old=keep_old)
            return made
        except asyncpg.LockNotAvailableError:
            if pause_s is None:
                break
        await asyncio.sleep(pause_s)
    raise BuildStalled("readers held the views for too long: try again")


async def _check(build: Build, dsn: str, service: str, projection: AnyProjection, limit: int) -> CheckReport:
    async with direct(dsn, name=f"{service}-compare", statement_s=600.0) as connection:
        snapshot = connection.transaction(isolation="repeatable_read", readonly=True)
        async with build.level_with_live() as (_, live):
            made = await build.checkpoint()
            live = expect_comparable(live, made, service=service, projection=projection)
            await snapshot.start()
            # The first statement fixes what the transaction sees; after it the live runner may go on.
            await connection.fetchval("select 1")
        try:
            return await _compare(connection, service, live, made, limit)
        finally:
            await snapshot.rollback()


def expect_comparable(
    live: Checkpoint | None, made: Checkpoint, *, service: str, projection: AnyProjection
) -> Checkpoint:
    """Raises NoSuchProjection, DefinitionChanged or LogReplaced where a comparison would mean nothing."""
    if live is None:
        raise NoSuchProjection(f"there is no live {projection.name} in {service}")
    if live.definition != definition_of(projection):
        raise DefinitionChanged(f"the live {projection.name} in {service} has other DDL: rebuild it")
    if live.incarnation != made.incarnation:
        raise LogReplaced(f"the live {projection.name} in {service} follows another incarnation of the log: rebuild it")
    return live


async def _compare(connection: Connection, service: str, live: Checkpoint, made: Checkpoint, limit: int) -> CheckReport:
    parked = [
        session
        for generation in (live.generation, made.generation)
        for session in await parked_sessions(connection, service, projection=live.projection, generation=generation)
    ]
    comparison = await compare(
        connection,
        projection=live.projection,
        live=generation_schema(service, live.projection, live.generation),
        beside=generation_schema(service, made.projection, made.generation),
        parked={session.subject for session in parked},
        limit=limit,
    )
    return CheckReport(live.projection, made.sequence, comparison, parked)
