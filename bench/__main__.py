"""`python -m bench [--only P1,P3] [--quick] [--out FOLDER]`. Status 0 whatever the figures say, 1 if one broke."""

import asyncio
import logging
import sys
from importlib import import_module
from pathlib import Path

import click
import structlog
from rich.console import Console

from bench import report
from bench.figures import Figure, Progress
from bench.running import Measure, measure_all


def _in(module: str) -> Measure:
    """The benchmark of a module, loaded once it is wanted: together they load all of Baton."""

    async def measure(say: Progress, *, quick: bool) -> list[Figure]:
        found: list[Figure] = await import_module(f"bench.{module}").measure(say, quick=quick)
        return found

    return measure


BENCHMARKS = {
    "P1": _in("appends"),
    "P3": _in("starts"),
    "P4": _in("visibility"),
    "P5": _in("handoffs"),
    "K1": _in("recall"),
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
