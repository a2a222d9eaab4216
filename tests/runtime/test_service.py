"""The service in the caller's process, as `baton up` hosts it: readiness, a whole short call, and an orderly end."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.backends import a_livekit
from tests.support.private_loop import PrivateLoop
from tests.support.runtime_calls import run_events
from tests.support.runtime_room import GatewayStandIn, Participant, dispatch, livekit_api
from tests.support.runtime_sessions import a_version, an_admitted_session
from tests.support.until import until

from chassis.embedded.livekit import LiveKitServer
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs
from chassis.nats.object_store import NatsObjectStore
from chassis.service import Asgi
from chassis.settings import load
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET
from contracts.template_version import encode_version
from runtime.bootstrap import open_service
from runtime.settings import Settings
from simulators import Simulators

pytestmark = pytest.mark.e2e


async def get(app: Asgi, path: str) -> tuple[int, Any]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "path": path}, None, send)
    return sent[0]["status"], msgspec.json.decode(sent[1]["body"])


@pytest.fixture(scope="module")
def livekit_server(
    livekit_binary: Path, private_loop: PrivateLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveKitServer]:
    """One of its own: at the one that tests share, their worker may be sent the jobs of this service."""
    with a_livekit(private_loop, livekit_binary, tmp_path_factory.mktemp("livekit")) as server:
        yield server


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, simulators: Simulators) -> None:
    """What the service exports for its jobs is taken back after the test."""
    for name in (*Settings(nats_url="").as_environment(), "BATON_JOB_SPILL_DIR", "BATON_CACHE_DIR"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("OPENAI_BASE_URL", simulators.openai_base_url)
    monkeypatch.setenv("DEEPGRAM_BASE_URL", simulators.deepgram_base_url)
    monkeypatch.setenv("CARTESIA_BASE_URL", simulators.cartesia_base_url)


@contextlib.asynccontextmanager
async def a_client(nats_url: str) -> AsyncIterator[Any]:
    async with connect(nats_url, name="test") as client:
        await declare_logs(client, replicas=1)
        yield client


async def test_without_livekit_there_is_no_worker_and_the_service_is_ready(nats_url: str) -> None:
    async with open_service(Settings(nats_url=nats_url)) as service:
        assert service.ready()
        assert await get(service.app, "/livez") == (200, {"status": "live"})
        assert await get(service.app, "/readyz") == (200, {"status": "ready"})
        assert (await get(service.app, "/anything"))[0] == 404


async def test_a_worker_that_is_told_to_stop_lets_its_call_end_first(
    livekit_server: LiveKitServer, nats_url: str, tmp_path: Path, environment: None
) -> None:
    settings = Settings(
        nats_url=nats_url,
        livekit_url=livekit_server.url,
        livekit_key=livekit_server.key,
        livekit_secret=livekit_server.secret,
        spill_dir=tmp_path / "spill",
        cache_dir=tmp_path / "cache",
    )
    async with a_client(nats_url) as client, livekit_api(livekit_server) as lk:
        log = NatsEventLog(client)
        session = await an_admitted_session(log, NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET))
        gateway = GatewayStandIn(session)
        async with gateway.serving(client):
            async with open_service(settings) as service:
                await until(service.ready, timeout_s=60, what="the worker is registered")
                await dispatch(lk, session)
                room = session.metadata.session
                user = Participant(livekit_server, room=room, identity=session.metadata.identity)
                await user.__aenter__()
                await user.until_heard()
            await user.__aexit__()
            await until(lambda: len(gateway.deaths) == 1, what="the end of the job's process is reported")
            assert gateway.deaths[0].exit_code == 0
        events = await run_events(log, session)
    assert events[-1].type == "session.ended"
    assert b'"drained"' in bytes(events[-1].data)
    assert (tmp_path / "cache" / encode_version(a_version())[0]).exists()
    assert list((tmp_path / "spill").iterdir()) == []


async def test_a_session_whose_template_is_gone_fails_by_name(
    livekit_server: LiveKitServer, nats_url: str, tmp_path: Path, environment: None
) -> None:
    settings = Settings(
        nats_url=nats_url,
        livekit_url=livekit_server.url,
        livekit_key=livekit_server.key,
        livekit_secret=livekit_server.secret,
        spill_dir=tmp_path / "spill",
    )
    async with a_client(nats_url) as client, livekit_api(livekit_server) as lk:
        log = NatsEventLog(client)
        session = await an_admitted_session(log, NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET))
        gone = msgspec.structs.replace(session.metadata, version="0" * 64)
        session = msgspec.structs.replace(session, metadata=gone)
        gateway = GatewayStandIn(session)
        async with gateway.serving(client), open_service(settings) as service:
            await until(service.ready, timeout_s=60, what="the worker is registered")
            await dispatch(lk, session)
            await until(lambda: bool(gateway.deaths), what="the job is over", timeout_s=30)
        types = [event.type for event in await run_events(log, session)]
    assert types == ["session.job_claimed", "session.failed"]


def test_settings_survive_the_environment(tmp_path: Path) -> None:
    settings = Settings(nats_url="nats://x", spill_dir=tmp_path, cache_dir=None, log_json=True, drain_s=2.5)
    assert load(Settings, settings.as_environment()) == settings
