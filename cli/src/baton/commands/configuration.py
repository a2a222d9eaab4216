"""`baton apply` and `baton pull`: a customer's configuration as a folder of files."""

import asyncio
import json
from pathlib import Path
from typing import Any

import click
from msgspec import UNSET

from baton import ready
from baton.applying import apply as take_steps
from baton.applying import plan as make_plan
from baton.applying import pull as read_all
from baton.config_folder import read_folder, write_folder
from baton.demo.api import open_api
from baton.plan_steps import Step
from baton.terminal import data_option, say

_SHOWN = 70
_SIGNS = {"create": "+", "revise": "~", "approve": "!", "publish": ">", "move": "@"}


@click.command()
@click.option("-f", "--folder", required=True, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@data_option
def apply(folder: Path, dry_run: bool, data: Path) -> None:
    """Make agents, templates and panel kinds as a folder's files say, and publish what changed; again is nothing."""
    wanted = read_folder(folder)

    async def run() -> list[Step]:
        async with open_api(ready.read(data / ready.NAME)) as api:
            steps = await make_plan(api, wanted)
            for step in steps:
                click.echo("\n".join(described(step)))
            if not dry_run:
                await take_steps(api, steps)
            return steps

    steps = asyncio.run(run())
    say("nothing to do" if not steps else f"{len(steps)} {'to do' if dry_run else 'done'}")


@click.command()
@click.option("-f", "--folder", required=True, type=click.Path(path_type=Path, file_okay=False))
@data_option
def pull(folder: Path, data: Path) -> None:
    """Write agents, templates and panel kinds into a folder, as they now read; files that say the same stay."""

    async def run() -> list[Path]:
        async with open_api(ready.read(data / ready.NAME)) as api:
            return write_folder(folder, await read_all(api))

    written = asyncio.run(run())
    for path in written:
        click.echo(path)
    say(f"{len(written)} written")


def described(step: Step) -> list[str]:
    """A step in a line, and a line for each of its changes."""
    version = f" as version {step.number}" if step.action == "publish" else ""
    lines = [f"{_SIGNS[step.action]} {step.action} {step.kind.replace('_', ' ')} {step.id}{version}"]
    return lines + [
        f"    {change.pointer}: {_shown(change.before)} -> {_shown(change.after)}" for change in step.changes
    ]


def _shown(value: Any) -> str:
    text = "(nothing)" if value is UNSET else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


COMMANDS = [apply, pull]
