"""The port of a projection: what a read model says about itself, so that one runner can run all of them.

A read model is one file: its tables, `apply`, and its queries. Tables are named without a schema: the runner makes
them in a schema of their own per *generation* (a build of the projection), so that a rebuild stands beside the live
one until it has caught up and takes over in one transaction. Queries go through views of the same names.
"""

from typing import Protocol

from asyncpg import Connection
from asyncpg.pool import PoolConnectionProxy

from chassis.event_log import Commit, Recorded
from contracts.subjects import Log

Db = Connection | PoolConnectionProxy
"""A connection inside the runner's transaction; `search_path` is the generation's schema."""


class Projection(Protocol):
    """A read model folded from decoded events.

    `tables` is DDL (``create table …`` with primary keys; no schema names). `apply` gets events of whole commits in
    log order, at least one, many streams mixed; it folds in Python and writes one upsert per touched row. It must
    depend on nothing but its tables and the events: the same log gives the same rows, for ever. An exception parks
    the session (the envelope's customer and subject) that caused it.
    """

    name: str
    log: Log
    tables: str

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """Fold the events into the tables."""


class CommitProjection(Protocol):
    """A read model of stored bytes, undecoded (the ledger's record). It never parks: an exception stops the runner."""

    name: str
    log: Log
    tables: str

    async def apply_commits(self, db: Db, commits: list[Commit]) -> None:
        """Write the commits."""
