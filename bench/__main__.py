"""`python -m bench [--only P1,P3] [--quick] [--out FOLDER]`. Status 0 whatever the figures say, 1 if one broke."""

import asyncio
import logging
import sys
from pathlib import Path

import click
import structlog
from rich.console import Console

from bench import appends, handoffs, recall, report, starts, visibility
from bench.running import Measure, measure_all

BENCHMARKS: dict[str, Measure] = {
    "P1": appends.measure,
    "P3": starts.measure,
    "P4": visibility.measure,
    "P5": handoffs.measure,
    "K1": recall.measure,
}
_WIDTH = 120


@click.command()
@click.option("--only", default="", help="Ids with commas between, such as P1,P3.")
@click.option("--quick", is_flag=True, help="A few seconds each: shows that they work, and not how fast.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=report.OUT, show_default=True)
def main(only: str, quick: bool, out: Path) -> None:
    """Measure Baton against its baselines; prints a table and writes results.json."""
    wanted = [id.strip().upper() for id in only.split(",") if id.strip()] or list(BENCHMARKS)
    if unknown := sorted(set(wanted) - set(BENCHMARKS)):
        raise click.BadParameter(f"there is no {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    figures, broken = asyncio.run(measure_all(BENCHMARKS, wanted, quick=quick, say=_say))
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    report.show(figures, console)
    console.print(f"written to {report.write(figures, out)}", soft_wrap=True)
    for id in broken:
        _say(f"{id} broke")
    sys.exit(1 if broken else 0)


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()
