"""A call in a real room: worker, job process, audio both ways, panels, and the end."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.runtime_room import GatewayStandIn, Participant, dispatch, livekit_api
from tests.support.runtime_sessions import Admitted, an_admitted_session
from tests.support.until import until

from chassis.embedded.livekit import LiveKitServer
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs
from chassis.nats.object_store import NatsObjectStore
from contracts.envelope import Envelope, decode_commit
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET, Log
from runtime.bootstrap import open_service
from runtime.settings import Settings
from simulators import Simulators
from simulators.scenario import DEMO

pytestmark = pytest.mark.e2e

WAVS = DEMO.parent / "demo"
OFF_BY_ONE = "def total(values):\n    result = 0\n    for i in range(len(values) + 1):\n        result += values[i]\n"


class Stage:
    """What a test needs of the running parts."""

    def __init__(self, *, server: LiveKitServer, log: NatsEventLog, session: Admitted, gateway: GatewayStandIn) -> None:
        self.server, self.log, self.session, self.gateway = server, log, session, gateway

    async def run_events(self) -> list[Envelope]:
        found: list[Envelope] = []
        async for commit in self.log.read(Log.SESSIONS, self.session.run_subject):
            found += decode_commit(commit.payload)
        return found

    async def has(self, type: str) -> bool:
        return any(event.type == type for event in await self.run_events())

    def participant(self, identity: str = "user-1") -> Participant:
        return Participant(self.server, room=self.session.metadata.session, identity=identity)


@pytest.fixture
async def stage(
    livekit_server: LiveKitServer,
    nats_url: str,
    simulators: Simulators,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Stage]:
    for name, url in (
        ("OPENAI", simulators.openai_base_url),
        ("DEEPGRAM", simulators.deepgram_base_url),
        ("CARTESIA", simulators.cartesia_base_url),
    ):
        monkeypatch.setenv(f"{name}_BASE_URL", url)
    settings = Settings(
        nats_url=nats_url,
        livekit_url=livekit_server.url,
        livekit_key=livekit_server.key,
        livekit_secret=livekit_server.secret,
        spill_dir=tmp_path / "spill",
        cache_dir=tmp_path / "cache",
    )
    for name in settings.as_environment():
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("BATON_JOB_SPILL_DIR", "")
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(nats_url, name="test"))
        await declare_logs(client, replicas=1)
        log = NatsEventLog(client)
        session = await an_admitted_session(log, NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET))
        gateway = GatewayStandIn(session)
        await stack.enter_async_context(gateway.serving(client))
        service = await stack.enter_async_context(open_service(settings))
        await until(service.ready, timeout_s=60, what="the worker is registered")
        yield Stage(server=livekit_server, log=log, session=session, gateway=gateway)


async def test_a_participant_is_greeted_helped_and_bidden_goodbye(stage: Stage) -> None:
    async with livekit_api(stage.server) as lk:
        await dispatch(lk, stage.session)
        async with stage.participant() as user:
            await user.until_heard()
            assert user.agents()[0].attributes["baton.epoch"] == "1"
            await until(lambda: stage.has("turn.agent_said"), what="the greeting is recorded")
            await user.speak(WAVS / "need_help.wav")
            await until(lambda: stage.has("handoff.completed"), what="the handoff", timeout_s=20)
            await until(lambda: "coding_ide" in user.page.states, what="the editor is open", timeout_s=20)
            await user.edit(user.page.event("coding_ide", "code_changed", {"code": OFF_BY_ONE}))
            await until(lambda: user.acked == 1, what="the edit is acknowledged")
            await user.type("can you check?")
            await until(lambda: user.page.states["coding_ide"]["highlights"] == [3], what="line 3 is highlighted")
            await user.type("Thank you, goodbye.")
            await until(lambda: stage.has("session.ended"), what="the session ends", timeout_s=30)
            await until(lambda: bool(stage.gateway.deaths), what="the job's end is reported")
    events = await stage.run_events()
    types = [event.type for event in events]
    assert types[-1] == "session.ended"
    assert {"usage.llm", "usage.tts", "usage.stt"} <= set(types)
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    assert stage.gateway.deaths[0].exit_code == 0
