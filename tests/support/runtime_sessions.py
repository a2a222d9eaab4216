"""An admitted session, its template and a participant's page, for tests of the runtime: no gateway, no room."""

import msgspec

from chassis.clock import SystemClock
from chassis.event_log import EventLog
from chassis.ids import new_id
from chassis.key_ring import KeyRing
from chassis.object_store import ObjectStore
from chassis.recording import Origin, Recorder
from chassis.sealing import new_key
from contracts.commands.jobs import JobMetadata
from contracts.commands.keys import KeyAnswer, KeyGone, KeyOpened, OpenKey
from contracts.envelope import decode_commit
from contracts.events.session import SessionDispatched, SessionRequested, UserPersonal
from contracts.ids import AgentId, ApiKeyId, CustomerId, KeyId, PanelId, SessionId, TemplateId
from contracts.panels import wire
from contracts.panels.interpreter import command_patch, event_patch, initial_state, patched
from contracts.panels.registry import builtin
from contracts.registry import EventData, Personal
from contracts.subjects import Log, Writer, session_subject
from contracts.template_version import (
    AgentDefinition,
    HandoffTarget,
    Limits,
    ModalityProfile,
    TemplateDraft,
    TemplateVersion,
    VersionAgent,
    encode_version,
)

CODING_IDE = PanelId("coding_ide")


def a_version(*, limits: Limits | None = None, preemptive: bool = False) -> TemplateVersion:
    """Triage and a coding expert with an editor, as in the demo call."""
    triage = AgentDefinition(
        name="Triage",
        instructions="You are triage. Find out what the user needs.",
        greeting="Hello, this is triage. How can I help you today?",
        tools=["end_session", "log_observation"],
        handoff_targets=[HandoffTarget(agent=AgentId("coding_expert"), policy="full")],
    )
    expert = AgentDefinition(
        name="Coding expert",
        instructions="You are the coding expert. Help the user with code.",
        greeting="Hi, I am the coding expert.",
        tools=["end_session"],
        panels=[CODING_IDE],
    )
    draft = TemplateDraft(
        name="Coding help",
        agents=[AgentId("triage"), AgentId("coding_expert")],
        initial_agent=AgentId("triage"),
        panels=[CODING_IDE],
        limits=limits or Limits(),
        preemptive_generation=preemptive,
    )
    return TemplateVersion(
        template_id=TemplateId("tpl_test"),
        draft=draft,
        agents=[
            VersionAgent(id=AgentId("triage"), definition=triage),
            VersionAgent(id=AgentId("coding_expert"), definition=expert),
        ],
        panel_kinds={CODING_IDE: msgspec.to_builtins(builtin()["coding_ide"])},
    )


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A session that admission let in, and the key that opens it."""

    metadata: JobMetadata
    key: bytes

    async def answer(self, question: OpenKey) -> KeyAnswer:
        """What the gateway would answer to OPEN_KEY."""
        if question.keyid != self.metadata.keyid:
            return KeyGone(why="unknown")
        return KeyOpened(key=self.key)

    def keys(self) -> KeyRing:
        """A key ring that asks this session."""
        return KeyRing(ask=self.answer, reader="runtime")

    @property
    def run_subject(self) -> str:
        """Where the job writes."""
        return session_subject(self.metadata.customer, self.metadata.session, Writer.RUN)


async def an_admitted_session(
    log: EventLog,
    objects: ObjectStore,
    version: TemplateVersion | None = None,
    *,
    traceparent: str = "",
    initial_agent: str = "",
    user: UserPersonal | None = None,
    customer: CustomerId | None = None,
    price_book: str = "",
) -> Admitted:
    """Puts the version into the object store and appends what the gateway would: requested, dispatched(1)."""
    version = version or a_version()
    hash, content = encode_version(version)
    await objects.put(hash, content)
    session, customer = SessionId(new_id("ses")), customer or CustomerId(new_id("cus"))
    metadata = JobMetadata(
        session=session,
        customer=customer,
        epoch=1,
        version=hash,
        keyid=KeyId(new_id("key")),
        identity="user-1",
        livemode=False,
        traceparent=traceparent,
    )
    key = new_key()
    requested = msgspec.structs.replace(
        _requested(version, metadata, session), initial_agent=AgentId(initial_agent), price_book=price_book
    )
    await append_admission(log, metadata, key, requested, user or UserPersonal(name="Ada"))
    return Admitted(metadata=metadata, key=key)


def _requested(version: TemplateVersion, metadata: JobMetadata, session: SessionId) -> SessionRequested:
    return SessionRequested(
        template_id=version.template_id,
        version=metadata.version,
        api_key=ApiKeyId("key_test"),
        user_id="u1",
        identity=metadata.identity,
        room=session,
        modality_profile=ModalityProfile(),
        panels=version.draft.panels,
        limits=version.draft.limits,
    )


async def append_admission(
    log: EventLog, metadata: JobMetadata, key: bytes, requested: EventData, personal: Personal
) -> None:
    """The gateway's first commit."""
    origin = Origin(
        customer=metadata.customer,
        subject=metadata.session,
        writer=Writer.ADMISSION,
        source="test",
        keyid=metadata.keyid,
    )
    stamp = Recorder(origin=origin, clock=SystemClock(), key=key)
    events = [
        stamp.record(requested, personal),
        stamp.record(SessionDispatched(epoch=metadata.epoch, room=metadata.session)),
    ]
    subject = session_subject(metadata.customer, metadata.session, Writer.ADMISSION)
    await log.append(Log.SESSIONS, subject, events, expected=0)


async def allocate_epoch(log: EventLog, metadata: JobMetadata, epoch: int) -> None:
    """What the gateway appends before it dispatches another job."""
    subject = session_subject(metadata.customer, metadata.session, Writer.ADMISSION)
    last = await log.last(Log.SESSIONS, subject)
    assert last is not None
    origin = Origin(customer=metadata.customer, subject=metadata.session, writer=Writer.ADMISSION, source="test")
    stamp = Recorder(origin=origin, clock=SystemClock(), last_n=decode_commit(last.payload)[-1].n)
    dispatched = stamp.record(SessionDispatched(epoch=epoch, room=metadata.session))
    await log.append(Log.SESSIONS, subject, [dispatched], expected=last.sequence)


async def allocate(log: EventLog, session: Admitted, epoch: int) -> None:
    """The gateway allocates another epoch."""
    metadata = session.metadata
    origin = Origin(customer=metadata.customer, subject=metadata.session, writer=Writer.ADMISSION, source="test")
    subject = session_subject(metadata.customer, metadata.session, Writer.ADMISSION)
    last = await log.last(Log.SESSIONS, subject)
    assert last is not None
    stamp = Recorder(origin=origin, clock=SystemClock(), last_n=decode_commit(last.payload)[-1].n)
    dispatched = stamp.record(SessionDispatched(epoch=epoch, room=metadata.session))
    await log.append(Log.SESSIONS, subject, [dispatched], expected=last.sequence)


class PanelPage:
    """A participant's Panel Manager: applies what it is asked, keeps revisions, makes events."""

    def __init__(self) -> None:
        self.kinds = builtin()
        self.states: dict[str, dict[str, object]] = {}
        self.revs: dict[str, int] = {}
        self.seq = 0
        self.calls: list[tuple[str, str]] = []
        self.done: dict[str, wire.PanelAnswer] = {}

    async def __call__(self, method: str, payload: bytes) -> bytes:
        """Answer an RPC."""
        request = msgspec.json.decode(payload, type=wire.PanelRequest)
        self.calls.append((method, request.action))
        if request.op_id not in self.done:
            self.done[request.op_id] = self._answer(method, request)
        return msgspec.json.encode(self.done[request.op_id])

    def _answer(self, method: str, request: wire.PanelRequest) -> wire.PanelAnswer:
        panel, kind = request.panel, self.kinds[request.panel]
        rev = self.revs.get(panel, 0)
        if method == wire.RPC_OPEN:
            self.states[panel], self.revs[panel] = initial_state(kind, request.args), 1
            return wire.PanelAnswer(ok=True, rev=1, state=self.states[panel])
        if method == wire.RPC_READ:
            return wire.PanelAnswer(ok=True, rev=rev, state=self.states[panel])
        if request.base_rev not in (None, rev):
            stale = wire.PanelError(code=wire.PanelErrorCode.STALE_REV, message="the panel has moved on")
            return wire.PanelAnswer(ok=False, rev=rev, state=self.states[panel], error=stale)
        self.revs[panel] = rev + 1
        if method == wire.RPC_CONTROL:
            patch = command_patch(kind, self.states[panel], request.action, request.args)
            self.states[panel] = patched(self.states[panel], patch)
        return wire.PanelAnswer(ok=True, rev=rev + 1)

    def event(self, panel: str, event: str, data: dict[str, object]) -> bytes:
        """The participant does something: the message that tells the agent."""
        patch = event_patch(self.kinds[panel], self.states[panel], event, data)
        self.states[panel] = patched(self.states[panel], patch)
        self.revs[panel] += 1
        self.seq += 1
        return msgspec.json.encode(
            wire.PanelEvent(
                seq=self.seq,
                rev=self.revs[panel],
                panel=panel,
                instance=wire.DEFAULT_INSTANCE,
                event=event,
                origin=wire.Origin.USER,
                ts=0,
                data=data,
            )
        )
