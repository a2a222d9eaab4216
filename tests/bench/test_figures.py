"""How figures are made of rounds: no clock, no server."""

from pathlib import Path

import msgspec
import pytest
from bench.figures import Figure, Goal, Progress, figure, in_turns
from bench.report import write
from bench.running import measure_all

pytestmark = pytest.mark.unit


def a_figure(ours: list[float], baseline: list[float], goal: Goal | None = None) -> Figure:
    return figure(id="P0", what="x", unit="x/s", goal=goal or Goal("≥", 0.9), ours=ours, baseline=baseline)


def test_a_row_is_the_medians_of_both_sides_and_their_ratio() -> None:
    row = a_figure([10, 1000, 30], [20, 40, 60]).row
    assert (row.ours, row.baseline, row.ratio) == (30, 40, 0.75)
    assert not row.holds


@pytest.mark.parametrize(
    ("goal", "holds"),
    [(Goal("≥", 0.5), True), (Goal("≥", 0.6), False), (Goal("≤", 0.5), True), (Goal("≤", 0.4), False)],
)
def test_a_goal_says_which_way_is_good(goal: Goal, holds: bool) -> None:
    assert a_figure([1], [2], goal).row.holds is holds


@pytest.mark.parametrize(("ours", "baseline"), [([], [1.0]), ([1.0], []), ([0.0], [1.0]), ([1.0], [1.0, 0.0])])
def test_a_side_that_measured_nothing_makes_no_row(ours: list[float], baseline: list[float]) -> None:
    with pytest.raises(ValueError, match="P0"):
        a_figure(ours, baseline)


async def test_the_sides_run_in_turns_after_a_round_that_does_not_count() -> None:
    order: list[str] = []

    async def ours() -> int:
        order.append("ours")
        return len(order)

    async def baseline() -> int:
        order.append("baseline")
        return len(order)

    assert await in_turns(ours, baseline, rounds=2) == ([3, 5], [4, 6])
    assert order == ["ours", "baseline"] * 3


async def test_a_benchmark_that_breaks_is_told_and_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    async def breaks(say: Progress, *, quick: bool) -> list[Figure]:
        raise RuntimeError("no server")

    async def works(say: Progress, *, quick: bool) -> list[Figure]:
        return [a_figure([1], [1])]

    found = await measure_all({"P8": breaks, "P0": works}, ["P8", "P0"], quick=True, say=print)
    assert ([one.row.id for one in found[0]], found[1]) == (["P0"], ["P8"])
    assert "no server" in capsys.readouterr().err


def test_the_results_hold_the_rows_and_nothing_else(tmp_path: Path) -> None:
    rows = msgspec.json.decode(write([a_figure([1], [2])], tmp_path).read_bytes())
    assert rows == [
        {
            "id": "P0",
            "what": "x",
            "ours": 1.0,
            "baseline": 2.0,
            "unit": "x/s",
            "ratio": 0.5,
            "goal": "≥ 0.9",
            "holds": False,
        }
    ]
