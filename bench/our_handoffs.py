"""Our side of P5: a session without a room, as the runtime serves it, recorded into a real NATS.

When a transfer tool returned is read from the session's own log: it is the time of its `tool.completed`.
"""

from bench.handoff_script import AGENTS, ASKED, INSTRUCTIONS, MODEL, other
from chassis.clock import SystemClock
from chassis.event_log import EventLog
from chassis.ids import new_id
from chassis.key_ring import KeyRing
from chassis.object_store import ObjectStore
from chassis.recording import Origin, Recorder
from chassis.sealing import new_key
from contracts.commands.jobs import JobMetadata
from contracts.commands.keys import KeyAnswer, KeyOpened, OpenKey
from contracts.envelope import decode_commit, parse_time
from contracts.events.session import SessionDispatched, SessionRequested, UserPersonal
from contracts.ids import AgentId, ApiKeyId, CustomerId, KeyId, SessionId, TemplateId, VersionHash
from contracts.subjects import Log, Writer, session_subject
from contracts.template_version import (
    AgentDefinition,
    HandoffTarget,
    Limits,
    LlmChoice,
    ModalityProfile,
    TemplateDraft,
    TemplateVersion,
    VersionAgent,
    encode_version,
)
from runtime.adapters.local_surface import LocalSurface
from runtime.adapters.models import Provider, Providers
from runtime.roomless import RoomlessSession


class OurCall:
    """One session of ours; `returned` are the Unix times at which its transfer tools returned."""

    def __init__(self, *, log: EventLog, objects: ObjectStore, base_url: str) -> None:
        self._log, self._objects, self._base_url = log, objects, base_url
        self._key = new_key()
        self.returned: list[float] = []

    async def hold(self, handoffs: int) -> None:
        """Hand over so many times, one after the other."""
        metadata = await self._admitted()
        call = RoomlessSession(
            metadata=metadata,
            log=self._log,
            objects=self._objects,
            keys=KeyRing(ask=self._open, reader="bench"),
            surface=LocalSurface(_no_page),
            providers=Providers(openai=Provider(self._base_url)),
        )
        async with call:
            for _ in range(handoffs):
                await call.say(ASKED)
        self.returned = await self._tool_returns(metadata)

    async def _tool_returns(self, metadata: JobMetadata) -> list[float]:
        subject = session_subject(metadata.customer, metadata.session, Writer.RUN)
        return [
            parse_time(event.time).timestamp()
            async for commit in self._log.read(Log.SESSIONS, subject)
            for event in decode_commit(commit.payload)
            if event.type == "tool.completed"
        ]

    async def _admitted(self) -> JobMetadata:
        """What the gateway would have done before: a session requested and dispatched."""
        version, content = encode_version(_version())
        await self._objects.put(version, content)
        session, customer = SessionId(new_id("ses")), CustomerId("bench")
        metadata = JobMetadata(
            session=session,
            customer=customer,
            epoch=1,
            version=version,
            keyid=KeyId(new_id("dk")),
            identity="user-1",
            livemode=False,
        )
        subject = session_subject(customer, session, Writer.ADMISSION)
        origin = Origin(
            customer=customer, subject=session, writer=Writer.ADMISSION, source="bench", keyid=metadata.keyid
        )
        stamp = Recorder(origin=origin, clock=SystemClock(), key=self._key)
        events = [
            stamp.record(_requested(session, version), UserPersonal(name="Ada")),
            stamp.record(SessionDispatched(epoch=1, room=session)),
        ]
        await self._log.append(Log.SESSIONS, subject, events, expected=0)
        return metadata

    async def _open(self, question: OpenKey) -> KeyAnswer:
        return KeyOpened(key=self._key)


async def _no_page(method: str, payload: bytes) -> bytes:
    raise NotImplementedError("no panel is used here")


def _requested(session: SessionId, version: VersionHash) -> SessionRequested:
    return SessionRequested(
        template_id=TemplateId("bench"),
        version=version,
        api_key=ApiKeyId("bench"),
        user_id="user-1",
        identity="user-1",
        room=session,
        modality_profile=ModalityProfile(),
        panels=[],
        limits=Limits(),
    )


def _version() -> TemplateVersion:
    agents = [
        VersionAgent(
            id=AgentId(agent),
            definition=AgentDefinition(
                name=agent,
                instructions=INSTRUCTIONS,
                handoff_targets=[HandoffTarget(agent=AgentId(other(agent)), policy="full")],
                llm=LlmChoice(model=MODEL),
            ),
        )
        for agent in AGENTS
    ]
    ids = [agent.id for agent in agents]
    draft = TemplateDraft(name="bench", agents=ids, initial_agent=ids[0])
    return TemplateVersion(template_id=TemplateId("bench"), draft=draft, agents=agents, panel_kinds={})
