"""The demo's conversation without a room, against the simulated model: agents, handoff, panel, end."""

import pytest
from tests.support.runtime_sessions import Admitted, PanelPage, an_admitted_session

from chassis.memory.event_log import MemoryEventLog
from chassis.memory.object_store import MemoryObjectStore
from contracts.envelope import Envelope, decode_commit
from contracts.subjects import Log, session_filter
from runtime.adapters.local_surface import LocalSurface
from runtime.adapters.models import Provider, Providers
from runtime.roomless import NotClaimed, RoomlessSession
from simulators import Simulators

pytestmark = pytest.mark.integration

OFF_BY_ONE = "def total(values):\n    result = 0\n    for i in range(len(values) + 1):\n        result += values[i]\n"


def providers(simulators: Simulators) -> Providers:
    return Providers(openai=Provider(simulators.openai_base_url))


async def events_of(log: MemoryEventLog, session: Admitted) -> list[Envelope]:
    found = []
    subject = session_filter(session.metadata.customer, session.metadata.session)
    async for commit in log.read(Log.SESSIONS, subject):
        found += [event for event in decode_commit(commit.payload) if event.writer == "run"]
    return found


async def test_the_demo_conversation_runs_from_greeting_to_end(simulators: Simulators) -> None:
    log, objects, page = MemoryEventLog(), MemoryObjectStore(), PanelPage()
    session = await an_admitted_session(log, objects)
    surface = LocalSurface(page)
    async with RoomlessSession(
        metadata=session.metadata,
        log=log,
        objects=objects,
        keys=session.keys(),
        surface=surface,
        providers=providers(simulators),
    ) as call:
        assert call.said == ["Hello, this is triage. How can I help you today?"]
        answer = await call.say("Hi, I need help with my Python code.")
        assert answer == ["Hi, I am the coding expert."]
        assert (await call.say("Can you open an editor for me?"))[-1].startswith("I have opened the editor")
        surface.emit(page.event("coding_ide", "code_changed", {"code": OFF_BY_ONE}))
        assert (await call.say("can you check?"))[-1] == "Almost. You have an off by one error on line 3."
        assert page.states["coding_ide"]["highlights"] == [3]
        await call.say("Thank you, goodbye.")
        await call.wait_ended()
    events = await events_of(log, session)
    types = [event.type for event in events]
    assert types[0] == "session.job_claimed"
    assert types[-2:] == ["session.state_digest", "session.ended"]
    assert types.count("handoff.completed") == 1
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    assert surface.acked == 1


async def test_a_session_that_another_job_has_cannot_be_entered(simulators: Simulators) -> None:
    log, objects = MemoryEventLog(), MemoryObjectStore()
    session = await an_admitted_session(log, objects)

    def talk() -> RoomlessSession:
        return RoomlessSession(
            metadata=session.metadata,
            log=log,
            objects=objects,
            keys=session.keys(),
            surface=LocalSurface(PanelPage()),
            providers=providers(simulators),
        )

    async with talk():
        with pytest.raises(NotClaimed):
            await talk().__aenter__()
    assert [event.type for event in await events_of(log, session)].count("session.job_claimed") == 1
