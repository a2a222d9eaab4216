"""Runs benchmarks one after the other. One that breaks is told, and does not hide the figures of the others."""

import asyncio
import traceback
from collections.abc import Mapping, Sequence
from typing import Protocol

from bench.figures import Figure, Progress

TIMEOUT_S = 300.0
"""Of one benchmark; each bounds its own parts too."""


class Measure(Protocol):
    """One benchmark."""

    async def __call__(self, say: Progress, *, quick: bool) -> list[Figure]:
        """Measure both sides in turns. Raises whatever breaks."""


async def measure_all(
    benchmarks: Mapping[str, Measure], wanted: Sequence[str], *, quick: bool, say: Progress
) -> tuple[list[Figure], list[str]]:
    """The figures, and the ids of the benchmarks that broke; their tracebacks go to standard error."""
    figures: list[Figure] = []
    broken: list[str] = []
    for id in wanted:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                figures += await benchmarks[id](say, quick=quick)
        except Exception:  # noqa: BLE001 (a boundary: whatever broke it decides the exit status)
            traceback.print_exc()
            broken.append(id)
    return figures, broken
