"""Reading rows for a request: a bounded wait for a connection, and trouble of the database as a refusal."""

import contextlib
from collections.abc import Iterator
from typing import Any

import asyncpg

from chassis.errors import Unavailable
from chassis.postgres.faults import is_passing
from chassis.postgres.row_security import customers_rows
from contracts.ids import CustomerId

_ACQUIRE_S = 2.0


class ReadModelsOutOfReach(Unavailable):
    """The database does not answer, has no connection free, or the read model was never built here."""

    code, title = "read_models_unavailable", "The read models are out of reach"


async def rows_of(pool: asyncpg.Pool, customer: CustomerId, query: str, *arguments: Any) -> list[asyncpg.Record]:
    """The rows of one statement, of this customer's alone, whatever the statement says.

    Raises ReadModelsOutOfReach, and asyncpg's errors for a statement that is wrong.
    """
    with _within_reach():
        async with customers_rows(pool, customer) as db:
            rows: list[asyncpg.Record] = await db.fetch(query, *arguments)
            return rows


async def all_rows(pool: asyncpg.Pool, query: str, *arguments: Any) -> list[asyncpg.Record]:
    """The rows of one statement over all customers: for operators alone. Raises as `rows_of`."""
    with _within_reach():
        async with pool.acquire(timeout=_ACQUIRE_S) as db:
            rows: list[asyncpg.Record] = await db.fetch(query, *arguments)
            return rows


@contextlib.contextmanager
def _within_reach() -> Iterator[None]:
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise ReadModelsOutOfReach("the read model has not been built yet") from error
    except Exception as error:
        if is_passing(error):
            raise ReadModelsOutOfReach from error
        raise
