"""The `baton` command line. Each command parses, calls one thing, and says in one line what went wrong."""

import asyncio
import os
import sys
from collections.abc import Mapping
from logging import WARNING
from pathlib import Path
from typing import Any

import click

from baton.services import NAMES

DEFAULT_DATA = Path(".baton")

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
    from chassis.telemetry import logging

    # Until a command says where its log goes: standard output belongs to what was asked for.
    logging.configure(service="baton", json_lines=False, level=WARNING)


@cli.command()
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


@cli.command()
@click.argument("service", type=click.Choice(NAMES))
@data_option
def run(service: str, data: Path) -> None:
    """Run one service alone; its settings are BATON_* variables, or those of the `baton up` on the data folder."""
    from importlib import import_module

    from baton.ready import environment_of

    os.environ.update(environment_of(data, os.environ))
    sys.exit(import_module(f"{service.replace('-', '_')}.main").main())


@cli.command("fetch-livekit")
def fetch_livekit() -> None:
    """Find the LiveKit server, or build it once from its Go module into the user's cache."""
    from chassis.embedded.livekit import LiveKitUnavailable, find_or_build

    try:
        click.echo(asyncio.run(find_or_build(say)))
    except LiveKitUnavailable as error:
        raise click.ClickException(f"no LiveKit server can be had: {error}") from None


@cli.command()
def migrate() -> None:
    """Declare the logs and bring the schema of every service up to date; safe to repeat."""
    from baton.services import migrate_all

    configure_telemetry("migrate")
    asyncio.run(migrate_all(os.environ))


@cli.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with status 1 where the file is not what is served.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("docs/openapi.json"),
    show_default=True,
)
def openapi(check: bool, file: Path) -> None:
    """Write the API's OpenAPI document, from the handlers of all services."""
    from baton.openapi import whole

    document = whole()
    if file.exists() and file.read_bytes() == document:
        return
    if check:
        raise click.ClickException(f"{file} is not what is served: run `baton openapi`")
    file.write_bytes(document)
    say(f"wrote {file}")


def configure_telemetry(
    service: str, environment: Mapping[str, str] = os.environ, *, log_folder: Path | None = None
) -> None:
    """Logs and traces of this process; with a folder the terminal stays for people."""
    from chassis.telemetry import logging, tracing

    if log_folder is not None:
        log_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = log_folder / f"{service}.log" if log_folder else None
    logging.configure(service=service, json_lines=environment.get("BATON_LOG_JSON") == "true", file=file)
    tracing.configure(service=service, otlp_endpoint=environment.get("BATON_OTLP_ENDPOINT", ""))


def say(line: str) -> None:
    """Tell the person at the terminal, on standard error."""
    click.echo(line, err=True)


def main() -> int:
    """Run the command; a known problem is one line on standard error and exit status 2."""
    from baton import commands_config, commands_sessions
    from baton.commands_projections import projections

    for command in (
        projections,
        commands_config.apply,
        commands_config.pull,
        commands_sessions.demo,
        commands_sessions.api,
        commands_sessions.replay,
        commands_sessions.export,
        commands_sessions.verify,
    ):
        cli.add_command(command)
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        click.echo(f"baton: {_told(error)}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except Exception as error:
        if not _is_known(error):
            raise
        click.echo(f"baton: {error}", err=True)
        return 2
    return 0


def _told(error: click.ClickException) -> str:
    """What is wrong with the command line, in one line, and where to read how it is done."""
    message = " ".join(error.format_message().split())
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{message} (see {context.command_path} --help)" if context else message


def _is_known(error: Exception) -> bool:
    """Whether the error is one that a person can do something about, so that its message says enough."""
    from baton.applying import Archived
    from baton.config_folder import BadFolder
    from baton.demo.api import ApiRefused
    from baton.demo.script import StepFailed
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
        *(ApiRefused, StepFailed, NotRunning, PortTaken, StartFailed, FolderInUse, OrphanLives, PortInUse),
        *(Refusal, LogFault, BadSettings, ScenarioError, BadFolder, Archived),
    )
    return isinstance(error, known)
