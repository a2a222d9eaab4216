"""What the runtime leaves in the log, on a real NATS: the fold is the live state, and nothing readable."""

import pytest
from tests.support.runtime_sessions import CODING_IDE, Admitted, PanelPage, an_admitted_session

from chassis.event_log import EventLog
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs
from chassis.nats.object_store import NatsObjectStore
from chassis.recording import open_personal
from contracts.envelope import Envelope, decode_commit
from contracts.events.session import StateDigest
from contracts.session_state import FOLD_VERSION, SessionState, digest, evolve, fact
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET, Log, session_filter
from runtime.adapters import recorder
from runtime.adapters.local_surface import LocalSurface
from runtime.adapters.models import Provider, Providers
from runtime.roomless import RoomlessSession
from simulators import Simulators

pytestmark = pytest.mark.integration

OFF_BY_ONE = "def total(values):\n    result = 0\n    for i in range(len(values) + 1):\n        result += values[i]\n"


async def events_of(log: EventLog, session: Admitted) -> list[Envelope]:
    found: list[Envelope] = []
    async for commit in log.read(Log.SESSIONS, session_filter(session.metadata.customer, session.metadata.session)):
        found += decode_commit(commit.payload)
    return found


@pytest.mark.parametrize("opened", [True, False], ids=["opened", "sealed"])
async def test_every_digest_is_that_of_the_fold_also_for_who_cannot_open_it(
    nats_url: str, simulators: Simulators, monkeypatch: pytest.MonkeyPatch, opened: bool
) -> None:
    monkeypatch.setattr(recorder, "DIGEST_EVERY", 7)
    async with connect(nats_url, name="test") as client:
        await declare_logs(client, replicas=1)
        log, objects = NatsEventLog(client), NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET)
        session, page = await an_admitted_session(log, objects), PanelPage()
        surface = LocalSurface(page)
        async with RoomlessSession(
            metadata=session.metadata,
            log=log,
            objects=objects,
            keys=session.keys(),
            surface=surface,
            providers=Providers(openai=Provider(simulators.openai_base_url)),
        ) as call:
            await call.say("Hi, I need help with my Python code.")
            await call.say("Can you open an editor for me?")
            surface.emit(page.event("coding_ide", "code_changed", {"code": OFF_BY_ONE}))
            await call.say("can you check?")
            await call.say("Thank you, goodbye.")
            await call.wait_ended()
        events = await events_of(log, session)
    state, compared = SessionState(), 0
    for event in events:
        personal = open_personal(event, session.key) if opened and event.personal else None
        known = fact(event, personal)
        if isinstance(known.data, StateDigest):
            assert known.data == StateDigest(fold_version=FOLD_VERSION, digest=digest(state.run)), event.n
            compared += 1
        state = evolve(state, known)
    assert compared > 3
    assert state.status == "ended"
    assert state.run.handoffs == 1
    if opened:
        assert (state.run.panels[CODING_IDE].state or {})["code"] == OFF_BY_ONE
    everything = b"".join(bytes(event.data) for event in events)
    for word in (b"Python", b"goodbye", b"range", b"Ada", b"off by one"):
        assert word not in everything
