"""The parts that the runtime's tests share: simulated providers, and a worker beside a real LiveKit server."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest
from livekit import api
from tests.support.backends import RunningNats
from tests.support.private_loop import PrivateLoop
from tests.support.runtime_calls import run_events
from tests.support.runtime_room import GatewayStandIn, Participant, livekit_api
from tests.support.runtime_sessions import Admitted, an_admitted_session
from tests.support.runtime_worker import RunningWorker

from chassis.embedded.livekit import LiveKitServer
from chassis.nats.connection import Client, connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs
from chassis.nats.object_store import NatsObjectStore
from contracts.envelope import Envelope
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET
from contracts.template_version import TemplateVersion
from simulators import Simulators
from simulators.scenario import DEMO, load


@pytest.fixture
async def simulators() -> AsyncIterator[Simulators]:
    """The demo's scenario, in this process."""
    async with Simulators(scenario=load(DEMO)) as running:
        yield running


@pytest.fixture(scope="session")
def worker(
    nats_server: RunningNats,
    livekit_server: LiveKitServer,
    private_loop: PrivateLoop,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningWorker]:
    """One worker for all tests of the process."""
    folder = tmp_path_factory.mktemp("runtime")
    running = RunningWorker(folder=folder, nats_url=nats_server.url, livekit=livekit_server)
    try:
        private_loop.run(running.start())
        yield running
    finally:
        private_loop.run(running.stop())


class Stage:
    """An admitted session beside a running worker, and what a test needs to play it."""

    def __init__(
        self, *, livekit: LiveKitServer, client: Client, session: Admitted, gateway: GatewayStandIn, lk: api.LiveKitAPI
    ) -> None:
        self.livekit, self.session, self.gateway, self.lk = livekit, session, gateway, lk
        self.client, self.log = client, NatsEventLog(client)

    async def events(self) -> list[Envelope]:
        """The `run` events."""
        return await run_events(self.log, self.session)

    def has(self, type: str, *, times: int = 1) -> Callable[[], Awaitable[bool]]:
        """A condition: this many events of a type are in the log."""

        async def holds() -> bool:
            return sum(event.type == type for event in await self.events()) >= times

        return holds

    def participant(self, identity: str | None = None) -> Participant:
        """Somebody who joins the session's room; its own user unless an identity is given."""
        name = identity or self.session.metadata.identity
        return Participant(self.livekit, room=self.session.metadata.session, identity=name)


Staging = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def staging(worker: RunningWorker, livekit_server: LiveKitServer, nats_url: str) -> Staging:
    """`async with staging() as stage`: logs declared, a session admitted, a gateway that answers."""

    @contextlib.asynccontextmanager
    async def stage(version: TemplateVersion | None = None, *, traceparent: str = "") -> AsyncIterator[Stage]:
        async with connect(nats_url, name="test") as client, livekit_api(livekit_server) as lk:
            await declare_logs(client, replicas=1)
            objects = NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET)
            session = await an_admitted_session(NatsEventLog(client), objects, version, traceparent=traceparent)
            gateway = GatewayStandIn(session)
            async with gateway.serving(client):
                yield Stage(livekit=livekit_server, client=client, session=session, gateway=gateway, lk=lk)
            with contextlib.suppress(api.TwirpError):
                await lk.room.delete_room(api.DeleteRoomRequest(room=session.metadata.session))

    return stage
