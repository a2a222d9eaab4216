"""Builds a generation beside the live one, from the start of the log, and brings both to the same commit.

Only one build per projection at a time: the builder's connection holds an advisory lock. What an interrupted build
left behind is swept away by the next one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import structlog

from chassis.clock import SystemClock
from chassis.event_log import EventLog
from chassis.postgres.applying import Applier
from chassis.postgres.batching import batches
from chassis.postgres.bookkeeping import Checkpoint, checkpoints, ensure_bookkeeping, live_checkpoint, read_checkpoint
from chassis.postgres.faults import BuildUnderWay, PostgresFault, is_passing
from chassis.postgres.generations import AnyProjection, drop_generation, make_generation
from chassis.postgres.names import build_key
from chassis.postgres.pool import Connection, direct

_BATCH_COMMITS = 5000
_SILENCE_S = 30.0
_FROZEN_S = 5.0
_FREEZE_ATTEMPTS = 8

log = structlog.get_logger(__name__)


class BuildStalled(PostgresFault):
    """The log gave nothing for half a minute although it has more, or the live runner could not be caught up with."""

    code = "build_stalled"


class Build:
    """One generation being built; made by `building`."""

    def __init__(
        self, *, event_log: EventLog, dsn: str, service: str, projection: AnyProjection, connection: Connection
    ) -> None:
        self._log, self._dsn, self._service, self._projection = event_log, dsn, service, projection
        self._connection = connection
        self._applier: Applier | None = None
        self._generation = 0

    @property
    def applier(self) -> Applier:
        """Open once `start` has run."""
        assert self._applier is not None
        return self._applier

    async def start(self) -> None:
        """Sweep, then make the empty generation."""
        await ensure_bookkeeping(self._connection, self._service)
        await sweep(self._connection, self._service, self._projection.name)
        made = await make_generation(
            self._connection,
            service=self._service,
            projection=self._projection,
            incarnation=await self._log.incarnation(self._projection.log),
        )
        self._generation = made.generation
        self._applier = Applier(
            connection=self._connection,
            service=self._service,
            projection=self._projection,
            checkpoint=made,
            state="building",
            clock=SystemClock(),
        )
        await self._applier.open()

    async def checkpoint(self) -> Checkpoint:
        """Of this build, as stored."""
        found = await read_checkpoint(self._connection, self._service, self._projection.name, self._generation)
        assert found is not None
        return found

    async def advance_to(self, sequence: int) -> None:
        """Apply everything up to `sequence` and nothing beyond. Raises BuildStalled, or what applying raises."""
        source = batches(self._log, self._projection.log, after=self.applier.sequence, limit=_BATCH_COMMITS)
        async with contextlib.aclosing(source) as stream:
            while self.applier.sequence < sequence:
                try:
                    async with asyncio.timeout(_SILENCE_S):
                        commits = await anext(stream)
                except TimeoutError:
                    raise BuildStalled(f"nothing after {self.applier.sequence}, and {sequence} is wanted") from None
                wanted = [commit for commit in commits if commit.sequence <= sequence]
                # A commit beyond shows that none below is missing: the target itself may have been purged.
                beyond = len(wanted) < len(commits)
                await self.applier.advance(wanted, to=sequence if beyond else None)

    async def target(self) -> int:
        """Where a build must come to: the live checkpoint, or the log's end where no live one follows this log."""
        live = await live_checkpoint(self._connection, self._service, self._projection.name)
        if live is None or live.incarnation != (await self.checkpoint()).incarnation:
            return await self._log.end(self._projection.log)
        return live.sequence

    @contextlib.asynccontextmanager
    async def level_with_live(self) -> AsyncIterator[tuple[Connection, Checkpoint | None]]:
        """Both at the same commit X, the live runner held back, until the block ends (commit) or raises (rollback).

        Gives the connection whose transaction holds the live checkpoint, and that checkpoint.
        """
        for _ in range(_FREEZE_ATTEMPTS):
            await self.advance_to(await self.target())
            async with direct(self._dsn, name=f"{self._service}-cut-over") as holder, holder.transaction():
                await holder.execute("set local lock_timeout to '5s'")
                live = await live_checkpoint(holder, self._service, self._projection.name, lock=True)
                try:
                    async with asyncio.timeout(_FROZEN_S):
                        await self.advance_to(await self.target())
                except TimeoutError:
                    # The live one was too far ahead to wait for; let it go on, and come closer first.
                    log.info("build_not_close_enough", service=self._service, projection=self._projection.name)
                    await self._reopen()
                    continue
                yield holder, live
                return
        raise BuildStalled(f"{self._projection.name}: the live generation stayed ahead {_FREEZE_ATTEMPTS} times")

    async def _reopen(self) -> None:
        """After a cancelled batch: where the build really is."""
        self._applier = Applier(
            connection=self._connection,
            service=self._service,
            projection=self._projection,
            checkpoint=await self.checkpoint(),
            state="building",
            clock=SystemClock(),
        )


@contextlib.asynccontextmanager
async def building(dsn: str, *, event_log: EventLog, service: str, projection: AnyProjection) -> AsyncIterator[Build]:
    """A started build; unless it was promoted it is dropped at the end. Raises BuildUnderWay."""
    async with direct(dsn, name=f"{service}-build") as connection:
        if not await connection.fetchval("select pg_try_advisory_lock($1)", build_key(service, projection.name)):
            raise BuildUnderWay(f"{projection.name} is being rebuilt or checked already")
        build = Build(event_log=event_log, dsn=dsn, service=service, projection=projection, connection=connection)
        try:
            await build.start()
            yield build
        finally:
            await _sweep_if_possible(connection, service, projection.name)


async def _sweep_if_possible(connection: Connection, service: str, projection: str) -> None:
    """What a broken connection leaves, the next build sweeps away."""
    try:
        await sweep(connection, service, projection)
    except Exception as error:
        if not is_passing(error, closed=connection.is_closed()):
            raise
        log.warning("build_left_behind", service=service, projection=projection, error=type(error).__name__)


async def sweep(connection: Connection, service: str, projection: str) -> None:
    """Drop what no longer serves: abandoned builds and retired generations. The caller holds the build lock.

    A generation that a slow reader still holds is left for the next sweep.
    """
    for checkpoint in await checkpoints(connection, service):
        if checkpoint.projection == projection and checkpoint.state in ("building", "retired"):
            try:
                async with connection.transaction():
                    await connection.execute("set local lock_timeout to '2s'")
                    await drop_generation(
                        connection, service=service, projection=projection, generation=checkpoint.generation
                    )
            except asyncpg.LockNotAvailableError:
                log.info("generation_still_read", service=service, projection=projection)
