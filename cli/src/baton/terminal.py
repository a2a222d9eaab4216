"""What all commands share: the data folder's option, a line to the person at the terminal, and where logs go."""

import os
from collections.abc import Mapping
from pathlib import Path

import click

DEFAULT_DATA = Path(".baton")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_DATA,
    show_default=True,
    help="The data folder of `baton up`.",
)


def say(line: str) -> None:
    """Tell the person at the terminal, on standard error."""
    click.echo(line, err=True)


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
