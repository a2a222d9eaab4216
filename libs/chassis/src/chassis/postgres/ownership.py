"""One owner per generation, by an advisory lock that lives and dies with a connection.

The lock is a courtesy that spares work; what keeps a second writer out is the compare-and-set of the checkpoint.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from chassis.postgres.generations import MOVED
from chassis.postgres.names import owner_key
from chassis.postgres.pool import Connection
from chassis.tasks import stop

T = TypeVar("T")


class OwnershipLost(Exception):
    """The connection that held the lock is gone, or the live generation is another now."""

    code = "ownership_lost"


async def try_to_own(connection: Connection, service: str, projection: str, generation: int) -> bool:
    """Take the lock for as long as the connection lives, if nobody has it."""
    got: bool = await connection.fetchval("select pg_try_advisory_lock($1)", owner_key(service, projection, generation))
    return got


async def watch(connection: Connection, service: str, projection: str) -> asyncio.Event:
    """An event that is set when the connection closes, or a cut-over or drop of the projection is announced."""
    lost = asyncio.Event()

    def moved(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        if payload == f"{service}.{projection}":
            lost.set()

    def closed(_connection: object) -> None:
        lost.set()

    connection.add_termination_listener(closed)
    await connection.add_listener(MOVED, moved)
    return lost


async def run_until(lost: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """Run `work`, cancelled as soon as `lost` is set; raises OwnershipLost then."""
    working = asyncio.create_task(work)
    waiting = asyncio.create_task(lost.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise OwnershipLost("the ownership connection closed, or the live generation moved")
    finally:
        await stop(working, waiting)
