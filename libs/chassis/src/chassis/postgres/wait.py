"""Reads that must not be older than a command's answer: wait, a bounded time, until the read model is there.

Short polling and no NOTIFY: a notifying commit takes a lock of the whole database, and every batch of every
projection would pay for the few reads that carry a `min_position`.
"""

import asyncio

import asyncpg

from chassis.postgres.bookkeeping import Checkpoint, live_checkpoint
from chassis.postgres.faults import Behind, PositionOfAnotherLog
from chassis.projection import Db
from contracts.positions import Position

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.002, 0.02

Readable = asyncpg.Pool | Db


async def wait_for_position(
    pool: Readable, service: str, projection: str, position: Position, timeout_s: float = 0.5
) -> None:
    """Return as soon as the live tables hold everything up to `position`.

    Raises Behind (503) after `timeout_s` seconds, PositionOfAnotherLog (409) at once for a position that the read
    model can never reach.
    """
    if not await has_position(pool, service, projection, position, timeout_s=timeout_s):
        raise Behind(f"{projection} has not reached this position within {timeout_s:g} s")


async def has_position(
    pool: Readable, service: str, projection: str, position: Position, *, timeout_s: float = 0.0
) -> bool:
    """As `wait_for_position`, but False instead of Behind."""
    deadline, pause_s = asyncio.get_running_loop().time() + timeout_s, _FIRST_PAUSE_S
    while True:
        if _holds(await _read(pool, service, projection), position):
            return True
        if asyncio.get_running_loop().time() + pause_s > deadline:
            return False
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LAST_PAUSE_S)


def _holds(checkpoint: Checkpoint | None, position: Position) -> bool:
    if checkpoint is None:
        return False
    if (checkpoint.log, checkpoint.incarnation) != (position.log.value, position.incarnation):
        raise PositionOfAnotherLog()
    return checkpoint.sequence >= position.sequence


async def _read(pool: Readable, service: str, projection: str) -> Checkpoint | None:
    try:
        if isinstance(pool, asyncpg.Pool):
            async with pool.acquire(timeout=2.0) as connection:
                return await live_checkpoint(connection, service, projection)
        return await live_checkpoint(pool, service, projection)
    except asyncpg.UndefinedTableError:
        return None  # no runner has ever been here
