"""Drops, from time to time, what is kept for a while only. Every gateway does it; twice is safe."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from chassis.postgres.faults import is_passing

log = structlog.get_logger(__name__)
EVERY_S = 600.0


async def forgetting(steps: Sequence[Callable[[], Awaitable[None]]], *, every_s: float = EVERY_S) -> None:
    """Take the steps, for ever; trouble of the store is waited out."""
    while True:
        try:
            for step in steps:
                await step()
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("forgetting_interrupted", error=type(error).__name__)
        await asyncio.sleep(every_s)
