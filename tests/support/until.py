"""Waits for a condition: tests never sleep for a guessed time."""

import asyncio
from collections.abc import Awaitable, Callable

_POLL_S = 0.02


async def until(
    holds: Callable[[], bool | Awaitable[bool]], *, timeout_s: float = 10.0, what: str = "condition"
) -> None:
    """Returns once `holds()` is true; fails the test with `what` when the time is up."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                answer = holds()
                if answer is True or (not isinstance(answer, bool) and await answer):
                    return
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise AssertionError(f"after {timeout_s:g} s still not true: {what}") from None
