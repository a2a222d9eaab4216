"""The demo's conversation as tests hold it: typed, or spoken with something done to the stack in the middle."""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from baton.demo.api import Api
from baton.demo.participant import Participant, joined
from baton.demo.room_line import RoomLine
from baton.demo.script import Reply
from contracts.panels.registry import builtin
from simulators.scenario import DEMO
from simulators.scenario import load as load_scenario

Before = Callable[[str], Awaitable[None]]
"""Awaited before each utterance, with its text."""


async def _nothing(_: str) -> None:
    return None


class WatchedLine(RoomLine):
    """Speaks, as the demo does, and lets the test act before each utterance."""

    def __init__(self, participant: Participant, *, before: Before = _nothing) -> None:
        scenario = load_scenario(DEMO)
        super().__init__(
            participant=participant, scenario=scenario, joined_s=time.monotonic(), say_aloud=lambda _: None
        )
        self._before = before

    async def say(self, text: str, *, replies: int = 1) -> list[Reply]:
        await self._before(text)
        return await super().say(text, replies=replies)


class TypedLine(WatchedLine):
    """Types what the demo speaks, with `mark` behind each line; hears the answers all the same."""

    def __init__(self, participant: Participant, *, mark: str = "", before: Before = _nothing) -> None:
        super().__init__(participant, before=before)
        self._mark = mark

    async def say(self, text: str, *, replies: int = 1) -> list[Reply]:
        await self._before(text)
        self._heard = len(self._participant.hearing.bursts)
        line = f"{text} {self._mark}".strip()
        await self._participant.room.local_participant.send_text(line, topic="lk.chat")
        typed_s = time.monotonic()
        return [self._reply(await self._next(), typed_s) for _ in range(replies)]


async def start_session(
    api: Api, *, template: str = "demo", user: dict[str, Any] | None = None, traceparent: str = ""
) -> dict[str, Any]:
    """`POST /api/session/start`."""
    body = {"template_id": template, "user_info": user or {"id": "ada"}}
    return await api.post("/api/session/start", body, traceparent=traceparent)


@contextlib.asynccontextmanager
async def in_room(session: dict[str, Any]) -> AsyncIterator[Participant]:
    """Join the room of a session just started, as its participant."""
    async with joined(url=session["livekit_url"], token=session["access_token"], kinds=builtin()) as participant:
        yield participant
