"""`baton projections …`"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from baton.projections import Projections, open_projections
from baton.ready import environment_of
from baton.terminal import data_option

T = TypeVar("T")


@click.group()
def projections() -> None:
    """Read models: where they stand, whether they equal a rebuild, and what they could not apply."""


def _over(data: Path, work: Callable[[Projections], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_projections(environment_of(data, os.environ)) as found:
            return await work(found)

    return asyncio.run(run())


names_argument = click.argument("names", nargs=-1)


@projections.command("list")
@data_option
def list_command(data: Path) -> None:
    """Every read model: generation, position, lag, parked sessions, owner."""
    for status in _over(data, lambda found: found.overview()):
        click.echo(
            f"{status.service:13} {status.projection:18} g{status.generation:<3} {status.log:9} at {status.sequence:<8}"
            f" lag {status.lag:<6} parked {status.parked:<4} {status.owner or 'nobody runs it'}"
        )


@projections.command()
@data_option
def lag(data: Path) -> None:
    """How many commits each read model has not yet seen."""
    for status in _over(data, lambda found: found.overview()):
        click.echo(f"{status.projection:18} {status.lag}")


@projections.command()
@names_argument
@data_option
def check(names: tuple[str, ...], data: Path) -> None:
    """Build beside the live tables and compare row by row; exit status 1 where they differ."""
    reports = _over(data, lambda found: found.check(names))
    for report in reports:
        verdict = "equal" if report.equal else f"{len(report.comparison.differences)} rows differ"
        click.echo(f"{report.projection:18} at {report.sequence:<8} {verdict}")
        for difference in report.comparison.differences:
            key = ", ".join(f"{column}={value}" for column, value in difference.key.items())
            where = f" in {', '.join(difference.columns)}" if difference.columns else ""
            click.echo(f"  {difference.kind}: {difference.projection}.{difference.table} {key}{where}")
    sys.exit(0 if all(report.equal for report in reports) else 1)


@projections.command()
@names_argument
@data_option
def rebuild(names: tuple[str, ...], data: Path) -> None:
    """Build anew from the log; the new tables take over in one transaction."""
    for report in _over(data, lambda found: found.rebuild(names)):
        click.echo(f"{report.projection:18} generation {report.generation} is live since commit {report.sequence}")


@projections.command()
@data_option
def parked(data: Path) -> None:
    """Sessions that a read model could not apply, and why."""
    for session in _over(data, lambda found: found.parked()):
        click.echo(
            f"{session.projection:18} {session.customer}/{session.subject} from {session.from_sequence}"
            f" {session.error_code}: {session.error} (tried {session.attempts} times)"
        )


@projections.command()
@names_argument
@data_option
def replay(names: tuple[str, ...], data: Path) -> None:
    """Try parked sessions again."""
    replayed = _over(data, lambda found: found.replay(names))
    for one in replayed:
        outcome = one.error or f"applied {one.events} events"
        click.echo(f"{one.session.projection:18} {one.session.customer}/{one.session.subject}: {outcome}")
    sys.exit(1 if any(one.error for one in replayed) else 0)
