"""The `baton` command line. Each command parses, calls one thing, and says in one line what went wrong."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

DEFAULT_DATA = Path(".baton")

SERVICE_NAMES = ("config", "gateway", "runtime", "panel-bridge", "ledger")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_DATA,
    show_default=True,
    help="The data folder of `baton up`.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Several AI agents that talk to, see and work with people in real time."""


@cli.command()
@data_option
@click.option(
    "--scenario", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Rules of the simulators."
)
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="Written once everything answers.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=0, help="Of the API; 0 chooses a free one.")
@click.option("--topology", type=click.Choice(["together", "split"]), default="together", show_default=True)
def up(**options: Any) -> None:
    """Run all of Baton on this machine, with real NATS, PostgreSQL and LiveKit, until Ctrl-C."""
    from baton.up import Options
    from baton.up import up as run_up
    from simulators.scenario import DEMO

    options["scenario"] = options["scenario"] or DEMO
    _configure_telemetry("baton")
    sys.exit(asyncio.run(run_up(Options(**options), say=_say)))


@cli.command()
@click.argument("service", type=click.Choice(SERVICE_NAMES))
def run(service: str) -> None:
    """Run one service alone; its settings are BATON_* variables."""
    from importlib import import_module

    sys.exit(import_module(f"{service.replace('-', '_')}.main").main())


@cli.command()
def migrate() -> None:
    """Declare the logs and bring the schema of every service up to date; safe to repeat."""
    from baton.together import migrate_all

    _configure_telemetry("migrate")
    asyncio.run(migrate_all(os.environ))


def _configure_telemetry(service: str, environment: Mapping[str, str] = os.environ) -> None:
    from chassis.telemetry import logging, tracing

    logging.configure(service=service, json_lines=environment.get("BATON_LOG_JSON") == "true")
    tracing.configure(service=service, otlp_endpoint=environment.get("BATON_OTLP_ENDPOINT", ""))


def _say(line: str) -> None:
    click.echo(line, err=True)


def main() -> int:
    """Run the command; a known problem is one line on standard error and exit status 2."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except Exception as error:
        if not _is_known(error):
            raise
        click.echo(f"baton: {error}", err=True)
        return 2
    return 0


def _is_known(error: Exception) -> bool:
    """Whether the error is one that a person can do something about, so that its message says enough."""
    from baton.ready import NotRunning
    from baton.up import PortTaken
    from chassis.embedded.child import StartFailed
    from chassis.embedded.data_folder import FolderInUse, OrphanLives
    from chassis.embedded.ports import PortInUse
    from chassis.errors import Refusal
    from chassis.event_log import LogFault
    from chassis.settings import BadSettings
    from simulators.scenario import ScenarioError

    known = (
        NotRunning, PortTaken, StartFailed, FolderInUse, OrphanLives, PortInUse, Refusal, LogFault, BadSettings,
        ScenarioError,
    )  # fmt: skip
    return isinstance(error, known)
