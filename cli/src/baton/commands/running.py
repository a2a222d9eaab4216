"""`baton up`, `baton run`, `baton migrate`: running Baton, whole or in parts."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import click

from baton.services import NAMES
from baton.terminal import configure_telemetry, data_option, say


@click.command()
@data_option
@click.option(
    "--scenario", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Rules of the simulators."
)
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="Written once everything answers.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=0, help="Of the API; 0 chooses a free one.")
@click.option("--topology", type=click.Choice(["together", "split"]), default="together", show_default=True)
@click.option("--without", multiple=True, type=click.Choice(NAMES), help="Leave a service out (repeatable); see `run`.")
def up(**options: Any) -> None:
    """Run all of Baton on this machine, with real NATS, PostgreSQL and LiveKit, until Ctrl-C."""
    from baton.up import Options
    from baton.up import up as run_up
    from simulators.scenario import DEMO

    options["scenario"] = options["scenario"] or DEMO
    left_out = options.pop("without")
    options["services"] = tuple(name for name in NAMES if name not in left_out)
    configure_telemetry("baton", log_folder=options["data"] / "logs")
    sys.exit(asyncio.run(run_up(Options(**options), say=say)))


@click.command()
@click.argument("service", type=click.Choice(NAMES))
@data_option
def run(service: str, data: Path) -> None:
    """Run one service alone; its settings are BATON_* variables, or those of the `baton up` on the data folder."""
    from importlib import import_module

    from baton.ready import environment_of

    os.environ.update(environment_of(data, os.environ))
    sys.exit(import_module(f"{service.replace('-', '_')}.main").main())


@click.command("fetch-livekit")
def fetch_livekit() -> None:
    """Find the LiveKit server, or build it once from its Go module into the user's cache."""
    from chassis.embedded.livekit import LiveKitUnavailable, find_or_build

    try:
        click.echo(asyncio.run(find_or_build(say)))
    except LiveKitUnavailable as error:
        raise click.ClickException(f"no LiveKit server can be had: {error}") from None


@click.command()
def migrate() -> None:
    """Declare the logs and bring the schema of every service up to date; safe to repeat."""
    from baton.services import migrate_all

    configure_telemetry("migrate")
    asyncio.run(migrate_all(os.environ))


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with status 1 where the file is not what is served.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("docs"),
    show_default=True,
)
def openapi(check: bool, folder: Path) -> None:
    """Write the OpenAPI documents of the API and of the operators' own, from the handlers of all services."""
    from baton.openapi import for_operators, whole

    for name, document in (("openapi.json", whole()), ("openapi-admin.json", for_operators())):
        file = folder / name
        if file.exists() and file.read_bytes() == document:
            continue
        if check:
            raise click.ClickException(f"{file} is not what is served: run `baton openapi`")
        file.write_bytes(document)
        say(f"wrote {file}")


COMMANDS = [up, run, migrate, fetch_livekit, openapi]
