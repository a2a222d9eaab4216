"""The `baton` command line: its commands, and one line for what went wrong."""

from logging import WARNING

import click

from baton.commands import admin, configuration, knowledge, projections, running, sessions


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Several AI agents that talk to, see and work with people in real time."""
    from chassis.telemetry import logging

    # Until a command says where its log goes: standard output belongs to what was asked for.
    logging.configure(service="baton", json_lines=False, level=WARNING)


for _command in (
    *running.COMMANDS,
    *configuration.COMMANDS,
    *sessions.COMMANDS,
    projections.projections,
    admin.admin,
    knowledge.knowledge,
):
    cli.add_command(_command)


def main() -> int:
    """Run the command; a known problem is one line on standard error and exit status 2."""
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
    from baton.config_folder import BadFolder
    from baton.demo.api import ApiRefused
    from baton.demo.script import StepFailed
    from baton.operating import NoToken, OutOfReach
    from baton.plan_steps import Archived
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
        *(NoToken, OutOfReach, Refusal, LogFault, BadSettings, ScenarioError, BadFolder, Archived),
    )
    return isinstance(error, known)
