"""Any batch of tool calls, finishing in any order: at most one handoff, and the participant always hears something."""

import asyncio
import collections
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from livekit.agents.llm import ChatContext
from tests.support.runtime_sessions import PanelPage, a_version, an_admitted_session
from tests.support.scripted_models import Reply, ScriptedModels, call

from chassis.memory.event_log import MemoryEventLog
from chassis.memory.object_store import MemoryObjectStore
from contracts.envelope import Envelope, decode_commit
from contracts.ids import AgentId, PanelId
from contracts.subjects import Log
from contracts.template_version import AgentDefinition, HandoffTarget, TemplateVersion, VersionAgent
from runtime.adapters.local_surface import LocalSurface
from runtime.adapters.models import Providers
from runtime.roomless import RoomlessSession

pytestmark = pytest.mark.unit

CALLS = {
    "transfer_to_one": '{"reason": "r"}',
    "transfer_to_two": '{"reason": "r"}',
    "transfer_to_three": "{}",  # without its reason: invalid
    "log_observation": '{"text": "t"}',
    "open_coding_ide": '{"language": "python"}',
    "read_code": "{}",
    "no_such_tool": "{}",
}


def version() -> TemplateVersion:
    ids = [AgentId(name) for name in ("one", "two", "three")]
    known = a_version()
    hub = AgentDefinition(
        name="Hub",
        instructions="hub",
        greeting="hello",
        tools=["log_observation"],
        panels=[PanelId("coding_ide")],
        handoff_targets=[HandoffTarget(agent=id) for id in ids],
    )
    others = [
        VersionAgent(id=id, definition=AgentDefinition(name=id, instructions=id, greeting=f"I am {id}")) for id in ids
    ]
    draft = {"agents": [AgentId("hub"), *ids], "initial_agent": AgentId("hub")}
    return TemplateVersion(
        template_id=known.template_id,
        draft=_replace(known.draft, **draft),
        agents=[VersionAgent(id=AgentId("hub"), definition=hub), *others],
        panel_kinds=known.panel_kinds,
    )


def _replace(struct: Any, **changes: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(struct, **changes)


class SlowPage(PanelPage):
    """Answers after a number of turns of the event loop."""

    def __init__(self, turns: int) -> None:
        super().__init__()
        self._turns = turns

    async def __call__(self, method: str, payload: bytes) -> bytes:
        for _ in range(self._turns):
            await asyncio.sleep(0)
        return await super().__call__(method, payload)


class SlowLog(MemoryEventLog):
    """Acknowledges after a number of turns of the event loop."""

    def __init__(self, turns: int) -> None:
        super().__init__()
        self._turns = turns

    async def append_bytes(self, log: Log, subject: str, payload: bytes, *, message_id: str, expected: int) -> int:
        for _ in range(self._turns):
            await asyncio.sleep(0)
        return await super().append_bytes(log, subject, payload, message_id=message_id, expected=expected)


async def play(names: list[str], page_turns: int, log_turns: int) -> tuple[list[str], list[Envelope], str]:
    """Have the hub make one batch of these calls; what was said, what was recorded, who is in control."""
    batch = [call(name, CALLS[name], id=f"call_{number}") for number, name in enumerate(names)]

    def script(context: ChatContext, tools: list[str]) -> Reply:
        done = any(item.type == "function_call_output" for item in context.items)
        return batch if "log_observation" in tools and not done else "I am still here."

    log, objects = SlowLog(log_turns), MemoryObjectStore()
    session = await an_admitted_session(log, objects, version())
    async with RoomlessSession(
        metadata=session.metadata,
        log=log,
        objects=objects,
        keys=session.keys(),
        surface=LocalSurface(SlowPage(page_turns)),
        providers=Providers(),
        models=ScriptedModels(script),
    ) as conversation:
        said = await conversation.say("go")
        current = conversation.conversation.session.current_agent.id
    events = []
    async for commit in log.read(Log.SESSIONS, session.run_subject):
        events += decode_commit(commit.payload)
    return said, events, current


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=st.lists(st.sampled_from(sorted(CALLS)), min_size=1, max_size=6),
    page_turns=st.integers(0, 30),
    log_turns=st.integers(0, 30),
)
def test_any_interleaving_yields_at_most_one_handoff_and_never_dead_air(
    names: list[str], page_turns: int, log_turns: int
) -> None:
    said, events, current = asyncio.run(play(names, page_turns, log_turns))
    types = collections.Counter(event.type for event in events)
    asked = sum(name in ("transfer_to_one", "transfer_to_two") for name in names)
    assert said, "dead air"
    assert types["handoff.completed"] == min(1, asked)
    assert types["handoff.refused"] == max(0, asked - 1)
    assert types["handoff.requested"] == asked
    assert (current != "hub") == (asked > 0)
    assert types["tool.called"] == types["tool.completed"] + types["tool.failed"]
    assert types["tool.called"] == sum(name != "no_such_tool" for name in names)
    assert types["session.ended"] == 1
    if asked:
        assert said[-1] == f"I am {current}"
