"""What the participant does in the demo call, in order. It knows no transport: a `Line` is a room or a text session.

Each step waits for what must be seen or heard, and says which step failed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import msgspec

from baton.demo.panel_manager import PanelManager

NEED_HELP = "Hi, I need help with my Python code."
OPEN_EDITOR = "Can you open an editor for me?"
CAN_YOU_CHECK = "I think I am done, can you check?"
GOODBYE = "Thank you, goodbye."

EDITED_CODE = """\
def total(values):
    # Adds up the values of a list.
    result = 0
    for i in range(len(values) + 1):
        result += values[i]
    return result
"""
"""What the participant writes: the off-by-one is on line 4."""

_STEP_TIMEOUT_S = 30.0

T = TypeVar("T")


class StepFailed(Exception):
    """The call did not go as it must; the message names the step."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back from the agent. `pitch_hz` is the measured voice; None without a room.

    `after_s` from the end of the participant's words to the agent's first sound.
    """

    pitch_hz: float | None = None
    after_s: float | None = None
    text: str = ""


class Line(Protocol):
    """How the participant talks to the session."""

    panels: PanelManager

    async def greeting(self) -> Reply:
        """The first thing that is heard."""

    async def say(self, text: str, *, replies: int = 1) -> list[Reply]:
        """Say one utterance; the next `replies` replies."""

    async def wait_for_end(self) -> None:
        """Until the session has ended at the agent's side."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the participant saw and heard."""

    greeting: Reply
    expert: Reply
    replies: list[Reply]
    edited_code: str
    highlighted: list[int]
    unacked_events: int


async def hold(line: Line, *, code: str = EDITED_CODE) -> Held:
    """Hold the demo call; raises StepFailed."""
    greeting = await _step("Triage greets", line.greeting())
    (expert,) = await _step("the coding expert greets after the handoff", line.say(NEED_HELP))
    opened = await _step("the expert says that the editor is open", line.say(OPEN_EDITOR))
    await _until("the editor is on the screen", lambda: "coding_ide" in line.panels.panels)
    line.panels.edit("coding_ide", "code_changed", {"code": code, "language": "python"})
    await _until("the edit is acknowledged", lambda: line.panels.unacked == 0)
    checked = await _step("the expert says what is wrong", line.say(CAN_YOU_CHECK))
    shown = line.panels.panels["coding_ide"].state
    highlighted = msgspec.convert(shown.get("highlights", []), list[int])
    goodbye = await _step("the agent says goodbye", line.say(GOODBYE))
    await _step("the session ends", line.wait_for_end())
    return Held(
        greeting=greeting,
        expert=expert,
        replies=[*opened, *checked, *goodbye],
        edited_code=code,
        highlighted=highlighted,
        unacked_events=line.panels.unacked,
    )


async def _step(name: str, work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(_STEP_TIMEOUT_S):
            return await work
    except TimeoutError:
        raise StepFailed(f"not within {_STEP_TIMEOUT_S:g} s: {name}") from None


async def _until(name: str, holds: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not holds():
            await asyncio.sleep(0.02)

    await _step(name, wait())
