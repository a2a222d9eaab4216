"""`baton demo`: bring everything up, hold the call, gather the evidence, print it."""

import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from baton import ready
from baton.demo.api import Api, open_api
from baton.demo.evidence import Evidence, gather
from baton.demo.participant import joined
from baton.demo.report import show
from baton.demo.room_line import RoomLine
from baton.demo.script import EDITED_CODE, hold
from baton.demo.text_line import answered
from baton.parts import Say
from baton.ready import Ready
from baton.up import Options, running
from chassis.embedded.data_folder import FolderInUse
from contracts.ids import SessionId
from contracts.panels.registry import builtin
from simulators.scenario import load as load_scenario

OK, FAILED, NO_ROOM = 0, 1, 3

VOICES = ("triage-voice", "expert-voice")
PARTICIPANT = {"id": "ada", "name": "Ada", "preferences": {"language": "en"}}
_END_TIMEOUT_S = 40.0


async def demo(options: Options, *, say: Say, as_json: bool, svg: Path | None = None, code: str = EDITED_CODE) -> int:
    """Hold the demo call; returns the exit status: 0 only if all of it happened, 3 where there was no room."""
    async with _live(options, say) as live, open_api(live) as api:
        environment = ready.environment_of(options.data, os.environ)
        evidence = await _hold(api, live, environment, options, say, code)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(evidence), indent=2).decode())
    else:
        console = Console(record=svg is not None, width=100 if svg else None)
        show(evidence, console)
        if svg is not None:
            console.save_svg(str(svg), title="make demo")
    if not evidence.ok:
        return FAILED
    return OK if evidence.room else NO_ROOM


@contextlib.asynccontextmanager
async def _live(options: Options, say: Say) -> AsyncIterator[Ready]:
    """A Baton of our own; or the one that already runs on the data folder."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            live = (await stack.enter_async_context(running(options, say=say))).ready
        except FolderInUse:
            live = ready.read(options.data / ready.NAME)
            say(f"using the Baton that runs at {live.api_url}")
        yield live


async def _hold(api: Api, live: Ready, environment: dict[str, str], options: Options, say: Say, code: str) -> Evidence:
    started_s = time.monotonic()
    session = await api.post("/api/session/start", {"template_id": live.template_id, "user_info": PARTICIPANT})
    id, room = SessionId(session["session_id"]), bool(session["livekit_url"])
    say(f"session {id}")
    async with _in_room(session, options, say) if room else answered(id, environment=environment, tell=say) as line:
        held = await hold(line, code=code)
    await api.until_status(id, "closed", timeout_s=_END_TIMEOUT_S)
    simulated = "simulated" in (environment.get("CARTESIA_API_KEY"), environment.get("OPENAI_API_KEY"))
    return await gather(
        api,
        environment,
        room=room,
        session=id,
        topology=live.topology,
        greeting_after_start_s=line.greeted_s - started_s,
        held=held,
        expected_line=off_by_one(code),
        public_key=live.ledger_public_key,
        simulated_voices=VOICES if simulated else None,
    )


@contextlib.asynccontextmanager
async def _in_room(session: dict[str, Any], options: Options, say: Say) -> AsyncIterator[RoomLine]:
    scenario = load_scenario(options.scenario)
    async with joined(url=session["livekit_url"], token=session["access_token"], kinds=builtin()) as participant:
        yield RoomLine(participant=participant, scenario=scenario, joined_s=time.monotonic(), say_aloud=say)


def off_by_one(code: str) -> int:
    """The line (from 1) that a careful reader points at in the demo's code."""
    return next(number for number, line in enumerate(code.splitlines(), 1) if "+ 1)" in line)
