"""Trouble of the database as a refusal: asking again may help."""

import contextlib
from collections.abc import Iterator

import asyncpg

from chassis.errors import Unavailable


@contextlib.contextmanager
def in_reach() -> Iterator[None]:
    """Raises Unavailable in place of what a database that is out of reach makes asyncpg raise."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise Unavailable("the database is out of reach") from error
