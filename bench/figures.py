"""What a benchmark reports, and how two sides are measured in turns. It knows no benchmark.

Ours and its baseline run A B A B …, so that a busy neighbour or a warming cache meets both; each side's figure is the
median of its rounds.
"""

import statistics
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import msgspec

T = TypeVar("T")

Progress = Callable[[str], None]
"""Tells the person at the terminal one line."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of bench/out/results.json. `ratio` is ours ÷ baseline; `goal` says which way is good."""

    id: str
    what: str
    ours: float
    baseline: float
    unit: str
    ratio: float
    goal: str
    holds: bool


class Rounds(msgspec.Struct, frozen=True, kw_only=True):
    """What lies under a row: every round in order, and what must be known to read it."""

    id: str
    ours: list[float]
    baseline: list[float]
    note: str = ""


class Goal(msgspec.Struct, frozen=True):
    """A bound on a ratio."""

    way: Literal["≥", "≤"]
    bound: float

    def holds(self, ratio: float) -> bool:
        """Whether the ratio is on the good side."""
        return ratio >= self.bound if self.way == "≥" else ratio <= self.bound

    def __str__(self) -> str:
        return f"{self.way} {self.bound:g}"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure measured: its row and its rounds."""

    row: Row
    rounds: Rounds


def figure(*, id: str, what: str, unit: str, goal: Goal, ours: list[float], baseline: list[float],
           note: str = "") -> Figure:  # fmt: skip
    """The row of two sides' rounds. Raises ValueError where a side measured nothing, or nothing above zero."""
    if not ours or not baseline or min(*ours, *baseline) <= 0:
        raise ValueError(f"{id}: each side must have measured something")
    us, them = statistics.median(ours), statistics.median(baseline)
    ratio = us / them
    row = Row(id=id, what=what, ours=us, baseline=them, unit=unit, ratio=ratio, goal=str(goal), holds=goal.holds(ratio))
    return Figure(row=row, rounds=Rounds(id=id, ours=ours, baseline=baseline, note=note))


async def in_turns(
    ours: Callable[[], Awaitable[T]], baseline: Callable[[], Awaitable[T]], *, rounds: int
) -> tuple[list[T], list[T]]:
    """Run both sides in turns, `rounds` times each; a first round of each is thrown away, as a warm-up."""
    await ours()
    await baseline()
    us: list[T] = []
    them: list[T] = []
    for _ in range(rounds):
        us.append(await ours())
        them.append(await baseline())
    return us, them
