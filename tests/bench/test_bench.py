"""`make bench`, in small: the figures come from real servers; how fast they are is asserted nowhere."""

import asyncio
import statistics
import sys
from pathlib import Path

import msgspec
import pytest
from bench.figures import Rounds, Row

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
FIELDS = {"id", "what", "ours", "baseline", "unit", "ratio", "goal", "holds"}


async def bench(*arguments: str) -> tuple[int, str]:
    """Exit status and everything printed."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await asyncio.wait_for(running.communicate(), 120)
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    assert running.returncode is not None
    return running.returncode, printed.decode()


async def test_guarded_appends_are_measured_on_both_sides_and_written(tmp_path: Path) -> None:
    status, printed = await bench("--only", "P1", "--quick", "--out", str(tmp_path))
    assert status == 0, printed
    content = (tmp_path / "results.json").read_bytes()
    assert all(set(row) == FIELDS for row in msgspec.json.decode(content))
    rows = msgspec.json.decode(content, type=list[Row])
    rounds = {one.id: one for one in msgspec.json.decode((tmp_path / "rounds.json").read_bytes(), type=list[Rounds])}
    assert [row.id for row in rows] == ["P1-r1", "P1-r3"]
    for row in rows:
        measured = rounds[row.id]
        assert row.ours == statistics.median(measured.ours)
        assert row.baseline == statistics.median(measured.baseline)
        assert row.ratio == row.ours / row.baseline
        assert len(measured.ours) == len(measured.baseline) >= 2
        assert row.id in printed


async def test_an_unknown_id_is_refused_in_a_line(tmp_path: Path) -> None:
    status, printed = await bench("--only", "P99", "--out", str(tmp_path))
    assert status == 2
    assert "there is no P99" in printed
