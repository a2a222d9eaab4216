"""`python -m bench [--only P1,P3] [--quick] [--out FOLDER]`. Status 0 whatever the figures say, 1 if one broke."""

import asyncio
import logging
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import structlog
from rich.console import Console

from bench import appends, handoffs, report, starts
from bench.figures import Figure, Progress

Measure = Callable[..., Awaitable[list[Figure]]]

BENCHMARKS: dict[str, Measure] = {"P1": appends.measure, "P3": starts.measure, "P5": handoffs.measure}
TIMEOUT_S = 300.0
"""Of one benchmark; each bounds its own parts too."""


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
    console = Console()
    figures, broken = asyncio.run(_measure(wanted, quick, lambda line: click.echo(line, err=True)))
    report.show(figures, console)
    console.print(f"written to {report.write(figures, out)}", soft_wrap=True)
    for id in broken:
        click.echo(f"{id} broke", err=True)
    sys.exit(1 if broken else 0)


async def _measure(wanted: list[str], quick: bool, say: Progress) -> tuple[list[Figure], list[str]]:
    figures: list[Figure] = []
    broken: list[str] = []
    for id in wanted:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                figures += await BENCHMARKS[id](say, quick=quick)
        except Exception:  # noqa: BLE001 (one that broke must not hide the others' figures; it decides the status)
            traceback.print_exc()
            broken.append(id)
    return figures, broken


if __name__ == "__main__":
    main()
