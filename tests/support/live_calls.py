"""Calls on a running stack, as short as a fault needs them: a customer of their own, typed words, one participant."""

import contextlib
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from livekit import rtc
from tests.support.stack import Stack
from tests.support.until import until

from baton.demo.api import Api, open_api, open_client
from baton.demo.participant import Participant, joined
from baton.ready import Ready, environment_of
from baton.services import settings_of
from chassis.principal import Principal
from config.bootstrap import open_entities
from contracts.access import SCOPES
from contracts.ids import CustomerId
from contracts.panels.registry import builtin
from contracts.template_version import Limits
from simulators.requests import LoggedRequest

TEMPLATE = "short"
EPOCH = "baton.epoch"

_AGENTS: dict[str, dict[str, Any]] = {
    "greeter": {
        "name": "Greeter",
        "instructions": "You are the triage agent.",
        "greeting": "Hello.",
        "tools": ["end_session"],
        "handoff_targets": [{"agent": "coding_expert", "policy": "full"}],
        "panels": ["coding_ide"],
    },
    "coding_expert": {
        "name": "Coding expert",
        "instructions": "You are the coding expert.",
        "greeting": "Hi.",
        "tools": ["end_session"],
        "panels": ["coding_ide"],
    },
}


async def a_customer(live: Ready, data: Path, name: str, *, max_sessions: int, limits: Limits) -> Ready:
    """A new customer whose template says little and waits briefly; `live` with its key and template. Twice is safe."""
    operator = Principal(customer=CustomerId(name), actor="operator", scopes=frozenset(SCOPES), livemode=False)
    async with open_entities(settings_of("config", environment_of(data, {}))) as entities:
        await entities.create_customer(operator, name=name, max_sessions=max_sessions)
        key = (await entities.issue_key(operator, scopes=sorted(SCOPES), livemode=False)).key
    theirs = msgspec.structs.replace(live, api_key=key, template_id=TEMPLATE)
    async with open_client(theirs) as client:

        async def known() -> bool:
            return (await client.get("/api/agents/nobody")).status_code == 404

        await until(known, what="config knows the new key")
        draft = {
            "name": "Short",
            "agents": list(_AGENTS),
            "initial_agent": "greeter",
            "panels": ["coding_ide"],
            "limits": msgspec.to_builtins(limits),
        }
        for id, definition in _AGENTS.items():
            (await client.put(f"/api/agents/{id}", json=definition)).raise_for_status()
        (await client.put(f"/api/templates/{TEMPLATE}", json=draft)).raise_for_status()
        (await client.post(f"/api/templates/{TEMPLATE}/publish")).raise_for_status()

        async def startable() -> bool:
            asked = await client.post("/api/session/start", json={"template_id": "none", "user_info": {"id": "ada"}})
            return asked.status_code == 404

        await until(startable, what="the gateway knows the new key")
    return theirs


class Call:
    """One session, started; `participant` once joined."""

    def __init__(self, *, live: Ready, api: Api, started: dict[str, Any]) -> None:
        self.live, self.api, self.started = live, api, started
        self.session: str = started["session_id"]
        self.participant: Participant | None = None

    @property
    def here(self) -> Participant:
        """The participant that joined."""
        assert self.participant is not None
        return self.participant

    @contextlib.asynccontextmanager
    async def joined(self, token: str = "") -> AsyncIterator[Participant]:
        """In the room while open, by the token of the start or another; leaving a dead room is no fault."""
        opened = joined(url=self.live.livekit_url, token=token or self.started["access_token"], kinds=builtin())
        self.participant = await opened.__aenter__()
        try:
            yield self.participant
        finally:
            with contextlib.suppress(TimeoutError, rtc.ConnectError):
                await opened.__aexit__(None, None, None)

    async def fresh_token(self) -> str:
        """As a page asks for it after a reload."""
        answer = await self.api.post(
            f"/api/session/{self.session}/token", {"resume_token": self.started["resume_token"]}
        )
        return str(answer["access_token"])

    async def type(self, text: str) -> None:
        """Typed words, to whoever is in the room."""
        await self.here.room.local_participant.send_text(text, topic="lk.chat")

    async def open_editor(self) -> None:
        """The code editor on the participant's screen, by the API."""
        await self.api.post(
            f"/api/sessions/{self.session}/panels/coding_ide/commands",
            {"action": "open", "args": {"language": "python"}},
        )

    def edit(self, code: str) -> None:
        """The participant writes code."""
        self.here.panels.edit("coding_ide", "code_changed", {"code": code, "language": "python"})

    def agents(self) -> list[rtc.RemoteParticipant]:
        """The agents in the room, as the participant sees it."""
        return agents_in(self.here.room)


@contextlib.asynccontextmanager
async def a_call(live: Ready) -> AsyncIterator[Call]:
    """A session just started."""
    async with open_api(live) as api:
        started = await api.post(
            "/api/session/start", {"template_id": live.template_id, "user_info": {"id": "ada", "name": "Ada"}}
        )
        yield Call(live=live, api=api, started=started)


def agents_in(room: rtc.Room) -> list[rtc.RemoteParticipant]:
    """By the kind that only LiveKit gives."""
    kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
    return [one for one in room.remote_participants.values() if one.kind == kind]


async def until_no_slot_is_taken(live: Ready, customer: str) -> None:
    """A slot is given back by whoever follows the log, a moment after the end is in it."""

    async def free() -> bool:
        return await slots_taken(live, customer) == []

    await until(free, what=f"no slot of {customer} is taken")


async def slots_taken(live: Ready, customer: str) -> list[str]:
    """The sessions that count against the customer's limit now."""
    db = await asyncpg.connect(live.postgres_dsn, timeout=10)
    try:
        return [row[0] for row in await db.fetch("select session from gateway.slot where customer = $1", customer)]
    finally:
        await db.close(timeout=5)


async def job_process(stack: Stack, session: str) -> int:
    """The process that serves the session: the one that has its spill open (not while it makes the file anew)."""
    found: list[int] = []

    def seen() -> bool:
        found[:] = [pid for pid in stack.alive() if any(f"/{session}." in name for name in _open_files(pid))]
        return bool(found)

    await until(seen, what=f"a process serves {session}")
    return found[0]


def _open_files(pid: int) -> list[str]:
    try:
        return [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


def model_requests(live: Ready) -> list[LoggedRequest]:
    """What the simulated model was asked so far, oldest first."""
    url = live.simulators["openai"].partition("/openai")[0]
    with urllib.request.urlopen(f"{url}/requests", timeout=10) as answer:
        every = msgspec.json.decode(answer.read(), type=list[LoggedRequest])
    return [one for one in every if one.vendor == "openai"]
