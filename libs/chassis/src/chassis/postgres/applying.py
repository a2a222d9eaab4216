"""Applies commits to one generation: rows, parked sessions and the checkpoint in one transaction, fenced.

The checkpoint moves by compare-and-set as the transaction's first statement: whoever was overtaken touches no row and
is stopped before it writes, and whoever holds the row (a cut-over, a replay) holds the runner back. The applier owns
its connection: it sets the connection's search path.
"""

import asyncio
from typing import cast

from chassis.clock import Clock
from chassis.event_log import Commit
from chassis.postgres.bisecting import apply_or_park
from chassis.postgres.bookkeeping import Checkpoint, State
from chassis.postgres.decoding import DecodedCommit, decode, owner_cached
from chassis.postgres.faults import Fenced, is_passing
from chassis.postgres.generations import AnyProjection, is_record
from chassis.postgres.names import generation_schema, identifier
from chassis.postgres.parking import ParkedSession, error_code_of, error_text_of, owner_pair, park, parked_owners
from chassis.postgres.pool import Connection
from chassis.projection import CommitProjection, Projection
from contracts.envelope import InvalidCommit

_RETRIES_S = (0.05, 0.25)


class Applier:
    """One writer of one generation. Not safe for use by two tasks at once; make a new one after any error."""

    def __init__(
        self,
        *,
        connection: Connection,
        service: str,
        projection: AnyProjection,
        checkpoint: Checkpoint,
        state: State,
        clock: Clock,
    ) -> None:
        self._connection, self._service, self._projection = connection, identifier(service), projection
        self._checkpoint = checkpoint
        self._generation, self._incarnation, self._state = checkpoint.generation, checkpoint.incarnation, state
        self._sequence, self._parked_revision = checkpoint.sequence, -1
        self._parked: set[tuple[str, str]] = set()
        self._clock = clock

    @property
    def sequence(self) -> int:
        """Every commit up to here is in the tables, or parked."""
        return self._sequence

    @property
    def checkpoint(self) -> Checkpoint:
        """Where it began."""
        return self._checkpoint

    @property
    def generation(self) -> int:
        """Which build this is."""
        return self._generation

    async def open(self) -> None:
        """Point the connection at the generation's tables."""
        schema = generation_schema(self._service, self._projection.name, self._generation)
        await self._connection.execute(f"set search_path to {schema}, public")
        if not is_record(self._projection):
            # What a power cut takes from a folded read model it takes together with its checkpoint, and the log has
            # it still. The record's commits are waited for.
            await self._connection.execute("set synchronous_commit to off")

    async def advance(self, commits: list[Commit], *, to: int | None = None) -> int:
        """Apply `commits`, all above the checkpoint, and move it to the last one, or to `to`; return how many events.

        Raises Fenced, what the server or the network raises, and whatever a CommitProjection raised three times.
        """
        commits = [commit for commit in commits if commit.sequence > self._sequence]
        target = max(to or 0, commits[-1].sequence if commits else 0)
        if target <= self._sequence:
            return 0
        if is_record(self._projection):
            return await self._advance_bytes(self._projection, commits, target)
        try:
            return await self._advance_events(commits, target, careful=False)
        except Exception as error:  # the boundary where a poison event is told from a broken server
            if isinstance(error, Fenced) or is_passing(error, closed=self._connection.is_closed()):
                raise
        return await self._advance_events(commits, target, careful=True)

    async def _advance_bytes(self, projection: CommitProjection, commits: list[Commit], target: int) -> int:
        for pause_s in (*_RETRIES_S, None):
            try:
                async with self._connection.transaction():
                    await self._move_checkpoint(target)
                    if commits:
                        await projection.apply_commits(self._connection, commits)
                break
            except Exception as error:
                if pause_s is None or isinstance(error, Fenced) or self._connection.is_closed():
                    raise
            await asyncio.sleep(pause_s)
        self._sequence = target
        return len(commits)

    async def _advance_events(self, commits: list[Commit], target: int, *, careful: bool) -> int:
        projection = cast(Projection, self._projection)
        async with self._connection.transaction():
            await self._move_checkpoint(target)
            batch, poison = self._decode(commits)
            if careful:
                # A session may fail to apply before it fails to decode; the earlier place is where it stops.
                poison |= await apply_or_park(self._connection, projection, batch, self._make_parked)
            elif events := [event for each in batch for event in each.events]:
                await projection.apply(self._connection, events)
            for session in poison.values():
                await park(self._connection, self._service, session)
        self._parked.update(poison)
        self._sequence = target
        return sum(len(each.events) for each in batch)

    async def _move_checkpoint(self, target: int) -> None:
        revision = await self._connection.fetchval(
            f"update {self._service}.checkpoint set sequence = $1, moved_at = now()"
            " where projection = $2 and generation = $3 and sequence = $4 and state = $5 returning parked_revision",
            target,
            self._projection.name,
            self._generation,
            self._sequence,
            self._state,
        )
        if revision is None:
            raise Fenced(f"{self._service}.{self._projection.name} g{self._generation} has moved from {self._sequence}")
        if revision != self._parked_revision:
            self._parked = await parked_owners(self._connection, self._service, self._projection.name, self._generation)
            self._parked_revision = revision

    def _decode(self, commits: list[Commit]) -> tuple[list[DecodedCommit], dict[tuple[str, str], ParkedSession]]:
        """What can be applied, in order, and the sessions parked because a commit of theirs does not decode."""
        batch: list[DecodedCommit] = []
        poison: dict[tuple[str, str], ParkedSession] = {}
        for commit in commits:
            owner = owner_pair(owner_cached(commit.subject))
            if owner in self._parked or owner in poison:
                continue
            try:
                batch.append(decode(commit, self._incarnation))
            except InvalidCommit as error:
                poison[owner] = self._make_parked(commit, 0, "", error)
        return batch, poison

    def _make_parked(self, commit: Commit, index: int, event_id: str, error: Exception) -> ParkedSession:
        customer, subject = owner_pair(owner_cached(commit.subject))
        return ParkedSession(
            projection=self._projection.name,
            generation=self._generation,
            customer=customer,
            subject=subject,
            from_sequence=commit.sequence,
            from_index=index,
            event_id=event_id,
            error_code=error_code_of(error),
            error=error_text_of(error),
            parked_at=self._clock.now(),
        )
