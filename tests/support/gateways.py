"""Gateways on a real NATS and PostgreSQL with a LiveKit in memory, and what a test does to them from outside."""

import base64
import contextlib
import hashlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import msgspec
from livekit import api as livekit
from tests.support.until import until

from chassis.clock import SystemClock
from chassis.event_log import EventLog, RevisionConflict
from chassis.nats.connection import Client, connect
from chassis.nats.event_log import NatsEventLog
from chassis.principal import Principal
from chassis.recording import Origin, Recorder
from config.bootstrap import open_entities
from config.domain import agent_definition, template
from config.settings import Settings as ConfigSettings
from contracts.access import SCOPES
from contracts.commands.jobs import JobMetadata
from contracts.envelope import Envelope, decode_commit
from contracts.events import session as events
from contracts.ids import AgentId, CustomerId, SessionId, TemplateId
from contracts.registry import EventData
from contracts.subjects import Log, Writer, any_customer_session_filter, heartbeat_subject, session_subject
from contracts.template_version import AgentDefinition, Limits, ModalityProfile, TemplateDraft
from gateway.adapters.memory_livekit import MemoryLiveKit
from gateway.bootstrap import migrate, open_service
from gateway.domain.reconcile import Timers
from gateway.settings import Settings

ACME, OTHER = CustomerId("acme"), CustomerId("other")
TEMPLATE = TemplateId("help")
LIVEKIT_KEY, LIVEKIT_SECRET = "test", "test-secret-of-32-characters-long"
START = {"template_id": TEMPLATE, "user_info": {"id": "anna", "name": "Anna Secret"}}


def gateway_settings(nats_url: str, database: str, *, rooms: bool = True, **more: Any) -> Settings:
    livekit_url = "ws://livekit.test" if rooms else ""
    settings = Settings(
        nats_url=nats_url,
        postgres_dsn=database,
        key_pepper="pepper",
        master_key="ab" * 32,
        livekit_url=livekit_url,
        livekit_key=LIVEKIT_KEY,
        livekit_secret=LIVEKIT_SECRET,
    )
    return msgspec.structs.replace(settings, **more)


async def seed(
    settings: Settings,
    *,
    customer: CustomerId = ACME,
    max_sessions: int = 100,
    scopes: Sequence[str] = tuple(SCOPES),
    limits: Limits | None = None,
    **draft: Any,
) -> str:
    """Migrate, define a customer with one published template, and return an API key of its."""
    await migrate(settings)
    operator = Principal(customer=customer, actor="operator", scopes=frozenset(SCOPES), livemode=False)
    own = ConfigSettings(
        nats_url=settings.nats_url,
        postgres_dsn=settings.postgres_dsn,
        key_pepper=settings.key_pepper,
        secret_keys="cd" * 32,
    )
    async with open_entities(own) as entities:
        await entities.create_customer(operator, name="Acme", max_sessions=max_sessions)
        definition = AgentDefinition(name="Triage", instructions="Route.")
        await entities.write_agent(operator, AgentId("triage"), agent_definition.Write(definition))
        written = TemplateDraft(
            name="Help",
            agents=[AgentId("triage")],
            initial_agent=AgentId("triage"),
            modality_profile=ModalityProfile(camera="on_request"),
            limits=limits or Limits(),
            **draft,
        )
        await entities.write_template(operator, TEMPLATE, template.Write(written))
        await entities.publish(operator, TEMPLATE)
        return (await entities.issue_key(operator, scopes=sorted(scopes), livemode=False))[1]


@contextlib.asynccontextmanager
async def a_gateway(
    settings: Settings, key: str, *, rooms: MemoryLiveKit | None = None, timers: Timers | None = None, **times: float
) -> AsyncIterator[httpx.AsyncClient]:
    """One gateway, ready, behind a client that sends `key`."""
    async with open_service(settings, rooms=rooms, timers=timers, **times) as service:
        transport = httpx.ASGITransport(app=service.app)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://gateway", headers=headers, timeout=30
        ) as client:
            await until(service.ready, what="the gateway is ready")
            yield client


class Outside:
    """The rest of the world: the log as everybody reads it, jobs, and LiveKit's webhooks."""

    def __init__(self, nats: Client, rooms: MemoryLiveKit) -> None:
        self.nats, self.rooms = nats, rooms
        self.log: EventLog = NatsEventLog(nats)
        self.beating: dict[tuple[SessionId, int], bool] = {}

    async def events(self, session: str, writer: Writer | None = None) -> list[Envelope]:
        """All events of a session, in the order of the log."""
        found = []
        async for commit in self.log.read(Log.SESSIONS, any_customer_session_filter(SessionId(session))):
            found += [one for one in decode_commit(commit.payload) if writer is None or one.writer == writer]
        return found

    async def types(self, session: str, writer: Writer | None = None) -> list[str]:
        return [one.type.removeprefix("session.") for one in await self.events(session, writer)]

    async def has(self, session: str, type: str) -> bool:
        return type in await self.types(session)

    async def count(self) -> int:
        """How many commits the log of sessions holds."""
        return await self.log.end(Log.SESSIONS)

    async def claim(self, metadata: JobMetadata, *, job: str = "AJ_1", start: bool = True) -> str | None:
        """What a job does first; returns its participant's identity, or None when it must exit."""
        subject = session_subject(metadata.customer, metadata.session, Writer.RUN)
        if await self.log.last(Log.SESSIONS, subject) is not None:
            return None
        who = f"agent-{job}"
        told: list[EventData] = [events.JobClaimed(epoch=metadata.epoch, job_id=job, worker_id="AW_1", participant=who)]
        if start:
            told.append(events.SessionStarted(agent=AgentId("triage")))
        try:
            await self.append_run(metadata, told, last_n=0, expected=0)
        except RevisionConflict:
            return None
        if metadata.session in self.rooms.rooms:
            self.rooms.join(metadata.session, who, agent=True, epoch=metadata.epoch)
        return who

    async def append_run(self, metadata: JobMetadata, told: list[EventData], *, last_n: int, expected: int) -> int:
        origin = Origin(customer=metadata.customer, subject=metadata.session, writer=Writer.RUN, source="job")
        recorder = Recorder(origin=origin, clock=SystemClock(), last_n=last_n, epoch=metadata.epoch)
        subject = session_subject(metadata.customer, metadata.session, Writer.RUN)
        envelopes = [recorder.record(data) for data in told]
        return (await self.log.append(Log.SESSIONS, subject, envelopes, expected=expected)).sequence

    async def beat(self, session: SessionId, epoch: int) -> None:
        await self.nats.publish(heartbeat_subject(session, epoch))


@contextlib.asynccontextmanager
async def outside(nats_url: str, rooms: MemoryLiveKit | None = None) -> AsyncIterator[Outside]:
    async with connect(nats_url, name="test") as nats:
        yield Outside(nats, rooms or MemoryLiveKit())


def a_webhook(
    event: str, room: str, *, participant: dict[str, Any] | None = None, age_s: float = 0, id: str = "", sid: str = ""
) -> str:
    """The body as LiveKit writes it (protobuf's JSON)."""
    body: dict[str, Any] = {
        "event": event,
        "id": id or f"EV_{uuid.uuid4().hex}",
        "createdAt": str(int(time.time() - age_s)),
        "room": {"name": room, "sid": sid or f"RM_{room}"},
    }
    if participant is not None:
        body["participant"] = participant
    return json.dumps(body)


def signed(body: str, *, secret: str = LIVEKIT_SECRET) -> dict[str, str]:
    """The headers under which LiveKit sends a body."""
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    token = livekit.AccessToken(LIVEKIT_KEY, secret).with_sha256(digest).to_jwt()
    return {"Authorization": token, "Content-Type": "application/webhook+json"}


async def deliver(gateway: httpx.AsyncClient, body: str, **more: Any) -> httpx.Response:
    return await gateway.post("/webhooks/livekit", content=body, headers=signed(body, **more))
