"""Runs one projection: takes its ownership, tails the whole log, applies batches, for as long as the process lives.

The log is read unfiltered, so that the checkpoint passes every commit and any position is reached. Nothing here
polls while commits flow.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import asyncpg
import msgspec
import structlog

from chassis.clock import Clock, SystemClock
from chassis.event_log import Commit, EventLog
from chassis.postgres.applying import Applier
from chassis.postgres.batching import batches
from chassis.postgres.bookkeeping import Checkpoint
from chassis.postgres.faults import DefinitionChanged, Fenced, is_passing
from chassis.postgres.generations import AnyProjection, ensure_live, expect_same_log
from chassis.postgres.names import identifier
from chassis.postgres.ownership import OwnershipLost, run_until, try_to_own, watch
from chassis.postgres.pool import Connection, direct

BATCH_COMMITS = 1000
_WAIT_FOR_OWNER_S = 0.25
_FIRST_RETRY_S, _LAST_RETRY_S = 0.02, 5.0

log = structlog.get_logger(__name__)


class BatchApplied(msgspec.Struct, frozen=True):
    """One transaction of a runner: how much, how long in seconds, and up to which sequence."""

    service: str
    projection: str
    generation: int
    commits: int
    events: int
    seconds: float
    sequence: int


class ProjectionRunner:
    """Keeps one read model equal to its log. Many processes may run the same one; one of them works.

    `dsn` must reach the server itself or a pooler in session mode. `on_batch` hears of every transaction.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        dsn: str,
        service: str,
        projection: AnyProjection,
        clock: Clock | None = None,
        on_batch: Callable[[BatchApplied], None] | None = None,
        batch_commits: int = BATCH_COMMITS,
    ) -> None:
        self._log, self._dsn, self._service, self._projection = log, dsn, identifier(service), projection
        self._clock, self._on_batch, self._batch_commits = clock or SystemClock(), on_batch, batch_commits
        self._owned: Checkpoint | None = None
        self._retry_s = _FIRST_RETRY_S

    @property
    def owns(self) -> int | None:
        """The generation that this process writes now; None while another does, or nothing can be reached."""
        return self._owned.generation if self._owned else None

    async def run(self) -> None:
        """Until cancelled. Trouble of server, network and log is waited out.

        Raises LogReplaced, and what a CommitProjection raised three times in a row.
        """
        while True:
            try:
                async with direct(self._dsn, name=f"{self._service}.{self._projection.name}") as connection:
                    await self._serve(connection)
            except (Fenced, OwnershipLost) as error:
                log.info("projection_moved_on", **self._names, why=str(error))
            except DefinitionChanged as error:
                # The other release is serving; this one waits for the rebuild that its release ends in.
                self._say("projection_waits_for_rebuild", error)
            except Exception as error:
                if not is_passing(error):
                    raise
                self._say("projection_interrupted", error)
            finally:
                self._owned = None
            await self._pause()

    async def _serve(self, connection: Connection) -> None:
        try:
            lost = await watch(connection, self._service, self._projection.name)
            checkpoint = await self._own(connection, lost)
            applier = Applier(
                connection=connection,
                service=self._service,
                projection=self._projection,
                checkpoint=checkpoint,
                state="live",
                clock=self._clock,
            )
            await applier.open()
            self._owned = checkpoint
            log.info("projection_owned", **self._names, generation=checkpoint.generation, sequence=checkpoint.sequence)
            await run_until(lost, self._follow(applier))
        except asyncpg.InterfaceError as error:
            if connection.is_closed():
                raise OwnershipLost("the ownership connection closed") from error
            raise

    async def _own(self, connection: Connection, lost: asyncio.Event) -> Checkpoint:
        """Wait until nobody else runs the live generation, whichever that is by then."""
        incarnation = await self._log.incarnation(self._projection.log)
        while True:
            live = await ensure_live(
                connection, service=self._service, projection=self._projection, incarnation=incarnation
            )
            if await try_to_own(connection, self._service, self._projection.name, live.generation):
                # Read again under the lock: the last owner may have moved the checkpoint since. What was announced
                # before this is in what we read; what comes later sets `lost` again.
                lost.clear()
                owned = await ensure_live(
                    connection, service=self._service, projection=self._projection, incarnation=incarnation
                )
                if owned.generation == live.generation:
                    return owned
                raise OwnershipLost("a cut-over came in between")
            await asyncio.sleep(_WAIT_FOR_OWNER_S)

    async def _follow(self, applier: Applier) -> None:
        tail = batches(self._log, self._projection.log, after=applier.sequence, limit=self._batch_commits)
        async with aclosing(tail):
            async for commits in tail:
                await self._apply(applier, commits)

    async def _apply(self, applier: Applier, commits: list[Commit]) -> None:
        began = self._clock.monotonic()
        # Asked for each batch, because the log may have been made anew behind a reconnect; adapters remember it.
        expect_same_log(applier.checkpoint, await self._log.incarnation(self._projection.log))
        events = await applier.advance(commits)
        self._retry_s = _FIRST_RETRY_S
        if self._on_batch is not None:
            seconds = self._clock.monotonic() - began
            self._on_batch(
                BatchApplied(
                    self._service,
                    self._projection.name,
                    applier.generation,
                    len(commits),
                    events,
                    seconds,
                    applier.sequence,
                )
            )

    async def _pause(self) -> None:
        """Longer each time, until a batch goes through again."""
        await asyncio.sleep(self._retry_s)
        self._retry_s = min(self._retry_s * 2, _LAST_RETRY_S)

    def _say(self, what: str, error: Exception) -> None:
        log.warning(what, **self._names, error=type(error).__name__)

    @property
    def _names(self) -> dict[str, str]:
        return {"service": self._service, "projection": self._projection.name}
