"""The demo's line where there is no room: the same agents in this process, text in and text out.

The session is admitted by the gateway as any; what a worker's job would do in its own process is done here, over the
same log and with the same keys.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from baton.demo.panel_manager import PanelManager
from baton.demo.script import Reply
from baton.seed import CUSTOMER
from chassis.event_log import EventLog
from chassis.guarded_addresses import loopback_only
from chassis.key_ring import KeyRing
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.keys import asking_for_keys
from chassis.nats.object_store import NatsObjectStore
from contracts.commands.jobs import JobMetadata
from contracts.envelope import decode_commit
from contracts.events.provider_credential import ProviderCredentialRemoved
from contracts.ids import DEPLOYMENT, CustomerId, SessionId
from contracts.panels.registry import builtin
from contracts.panels.wire import PanelAck, PanelEvent
from contracts.providers import PROVIDERS, ProviderName
from contracts.registry import decode_data
from contracts.session_state import SessionState, evolve, fact
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET, Log, config_subject, session_filter
from runtime.adapters.lifeline import beating
from runtime.adapters.local_surface import LocalSurface
from runtime.adapters.models import Providers
from runtime.adapters.own_keys import asking_for_credentials, providers_of
from runtime.roomless import RoomlessSession
from runtime.serving import SOURCE

Tell = Callable[[str], None]


class TextLine:
    """A `Line` over a session without a room. `begun_s` is the monotonic time at which its job began."""

    def __init__(self, *, call: RoomlessSession, panels: PanelManager, begun_s: float, tell: Tell) -> None:
        self._call, self._begun_s, self._tell = call, begun_s, tell
        self.greeted_s = time.monotonic()
        self.panels: PanelManager = panels

    async def greeting(self) -> Reply:
        """Entering the session has waited for it."""
        return self._reply(self._call.said, self.greeted_s - self._begun_s)

    async def say(self, text: str, *, replies: int = 1) -> list[Reply]:
        """Type one utterance; everything that is answered is one reply."""
        self._tell(f"participant: {text}")
        typed_s = time.monotonic()
        answered = await self._call.say(text)
        return [self._reply(answered, time.monotonic() - typed_s)] * replies

    async def wait_for_end(self) -> None:
        """Until the session's last event is recorded."""
        await self._call.wait_ended()

    def _reply(self, said: list[str], after_s: float) -> Reply:
        text = " ".join(said)
        self._tell(f"agent:       {text}")
        return Reply(text=text, after_s=after_s)


class _PageSurface(LocalSurface):
    """The agent's view of a Panel Manager in this process."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.panels = PanelManager(kinds=builtin(), send=self._send)

    def send_ack(self, seq: int) -> None:
        """See the port."""
        super().send_ack(seq)
        self.panels.acknowledged(PanelAck(seq=seq))

    async def _answer(self, method: str, request: bytes) -> bytes:
        return self.panels.answer(method, request.decode()).encode()

    def _send(self, event: PanelEvent) -> None:
        self.emit(msgspec.json.encode(event))


@contextlib.asynccontextmanager
async def answered(session: SessionId, *, environment: Mapping[str, str], tell: Tell) -> AsyncIterator[TextLine]:
    """Claim an admitted session and serve it; it has ended on leaving.

    Raises NotClaimed, CredentialsUnavailable, LogFault.

    `environment` names NATS and the providers, as for the services.
    """
    begun_s, surface = time.monotonic(), _PageSurface()
    async with connect(environment["BATON_NATS_URL"], name="roomless") as client:
        log = NatsEventLog(client)
        metadata = await _metadata(log, CUSTOMER, session)
        call = RoomlessSession(
            metadata=metadata,
            log=log,
            objects=NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET),
            keys=KeyRing(ask=asking_for_keys(client), reader=SOURCE),
            surface=surface,
            providers=await providers_of(
                metadata, deployment=Providers.from_environment(environment), ask=asking_for_credentials(client)
            ),
            allow=loopback_only if environment.get("BATON_DEVELOPMENT_REACH_LOOPBACK") == "true" else None,
        )
        async with beating(client, metadata), call:
            yield TextLine(call=call, panels=surface.panels, begun_s=begun_s, tell=tell)


async def _own_providers(log: EventLog, customer: CustomerId) -> list[ProviderName]:
    """Where the customer has a key of its own, from the log."""
    found = []
    for provider in PROVIDERS:
        last = await log.last(Log.CONFIG, config_subject(customer, "provider_credential", provider))
        if last is not None and not isinstance(decode_data(decode_commit(last.payload)[-1]), ProviderCredentialRemoved):
            found.append(provider)
    return found


async def _metadata(log: EventLog, customer: CustomerId, session: SessionId) -> JobMetadata:
    """What a dispatch would have said, from the session's log."""
    first, state = None, SessionState()
    async for commit in log.read(Log.SESSIONS, session_filter(customer, session)):
        for envelope in decode_commit(commit.payload):
            first = first or envelope
            state = evolve(state, fact(envelope))
    requested = state.admission.requested
    assert first is not None, "the gateway answers only once the session is in the log"
    assert requested is not None
    return JobMetadata(
        session=session,
        customer=customer,
        epoch=state.admission.epoch,
        version=requested.version,
        keyid=first.keyid,
        identity=requested.identity,
        livemode=first.livemode,
        traceparent=first.traceparent,
        own_providers=await _own_providers(log, customer),
        deployment_providers=await _own_providers(log, DEPLOYMENT),
    )
