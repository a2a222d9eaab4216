"""`baton demo`, and looking at recorded sessions: `replay`, `export`, `verify`."""

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console
from rich.markup import escape

from baton import ready
from baton.demo.api import open_api, open_client
from baton.terminal import configure_telemetry, data_option, say
from baton.verify import verify_export

_SHOWN_GAP_S = 3.0
_KEY_BYTES = 32


@click.command()
@data_option
@click.option("--scenario", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The simulators' rules.")
@click.option("--topology", type=click.Choice(["together", "split"]), default="together", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the evidence as JSON.")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Also draw the report into this file.")
def demo(data: Path, scenario: Path | None, topology: Any, as_json: bool, svg: Path | None) -> None:
    """Hold a real call and show what it left behind; exit status 0 only if all of it happened."""
    from baton.demo.call import demo as hold_demo
    from baton.up import Options
    from simulators.scenario import DEMO

    configure_telemetry("baton", log_folder=data / "logs")
    options = Options(data=data, scenario=scenario or DEMO, topology=topology)
    sys.exit(asyncio.run(hold_demo(options, say=say, as_json=as_json, svg=svg)))


@click.command()
@click.argument("method", type=click.Choice(["GET", "POST", "PUT", "DELETE"], case_sensitive=False))
@click.argument("path")
@click.argument("body", required=False)
@data_option
def api(method: str, path: str, body: str | None, data: Path) -> None:
    """Call the REST API of the `baton up` on the data folder with its key; prints the answer."""

    async def call() -> httpx.Response:
        async with open_client(ready.read(data / ready.NAME)) as client:
            headers = {"Content-Type": "application/json"} if body else {}
            return await client.request(method.upper(), path, content=body, headers=headers)

    answer = asyncio.run(call())
    click.echo(_pretty(answer.text))
    sys.exit(0 if answer.is_success else 1)


@click.command()
@click.argument("session")
@data_option
@click.option("--at", "at", help="A position: show the session as it was right after that event.")
@click.option("--speed", type=float, default=0.0, help="Replay in time, this many times as fast; 0 prints at once.")
@click.option("--step", is_flag=True, help="Wait for Enter between events.")
def replay(session: str, data: Path, at: str | None, speed: float, step: bool) -> None:
    """Show a recorded session again, event by event, or its state at a position."""
    if at:
        click.echo(json.dumps(asyncio.run(_get(data, f"/api/sessions/{session}/state", at=at)), indent=2))
        return
    from baton.demo.report import described

    items: list[dict[str, Any]] = asyncio.run(_get(data, f"/api/sessions/{session}/timeline"))["data"]
    console = Console(soft_wrap=True)
    before = ""
    for item in items:
        _pause(before, item["time"], speed=speed, step=step)
        who, what = described(item)
        console.print(f"{item['time'][11:23]}  {who:14}  {escape(what)}", highlight=False)
        console.print(f"              [dim]{item['position']}[/dim]", highlight=False)
        before = item["time"]


@click.command()
@click.argument("session")
@data_option
def export(session: str, data: Path) -> None:
    """Print a session's record, every commit as stored, with signed chain heads (NDJSON)."""

    async def text() -> str:
        async with open_api(ready.read(data / ready.NAME)) as api:
            return await api.text(f"/api/sessions/{session}/export")

    click.echo(asyncio.run(text()), nl=False)


@click.command()
@click.argument("file", type=click.File("r"))
@click.option("--public-key", help="Hex; without it the key in the file itself is used, which proves less.")
def verify(file: Any, public_key: str | None) -> None:
    """Check an export offline: chains, numbering, order and signature. Needs nothing of a running Baton."""
    verdict = verify_export(file, _public_key(public_key) if public_key else None)
    for subject, head in verdict.heads.items():
        click.echo(f"{head}  {subject}")
    for problem in verdict.problems:
        click.echo(f"problem: {problem}")
    click.echo(f"{verdict.count} commits: {'verified' if verdict.ok else 'NOT VERIFIED'}")
    sys.exit(0 if verdict.ok else 1)


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2)
    except ValueError:
        return text


def _public_key(text: str) -> bytes:
    with contextlib.suppress(ValueError):
        key = bytes.fromhex(text)
        if len(key) == _KEY_BYTES:
            return key
    raise click.BadParameter("the public key is 64 hexadecimal digits", param_hint="--public-key")


async def _get(data: Path, path: str, **query: str) -> dict[str, Any]:
    async with open_api(ready.read(data / ready.NAME)) as api:
        return await api.get(path, **query)


def _pause(before: str, now: str, *, speed: float, step: bool) -> None:
    from contracts.envelope import parse_time

    if step:
        click.pause("")
    elif speed > 0 and before:
        gap = (parse_time(now) - parse_time(before)).total_seconds() / speed
        time.sleep(max(0.0, min(gap, _SHOWN_GAP_S)))


COMMANDS = [demo, api, replay, export, verify]
