"""One session's streams in the SESSIONS log: read them into a view, append to `admission`, append the end to `run`."""

import msgspec
import structlog

from chassis.clock import Clock
from chassis.event_log import Commit, EventLog, RevisionConflict
from chassis.recording import Origin, Recorder
from contracts.envelope import Envelope, InvalidCommit, decode_commit
from contracts.events.session import AdmissionEvent, JobClaimed, SessionEnded, UserPersonal
from contracts.ids import CustomerId, KeyId, SessionId
from contracts.positions import Position
from contracts.registry import UnknownEvent
from contracts.subjects import Log, Writer, session_filter, session_subject
from gateway.domain import admission
from gateway.domain.view import GATEWAY_JOB, SessionView, evolve

log = structlog.get_logger(__name__)
_ATTEMPTS = 8
NS = 1_000_000_000


class SessionStreams:
    """The gateway's hand on a session's log. Every method raises LogFault when the log is out of reach."""

    def __init__(self, *, event_log: EventLog, clock: Clock, source: str, instance: str) -> None:
        self._log, self._clock, self._source, self._instance = event_log, clock, source, instance

    async def load(self, customer: CustomerId, session: SessionId) -> SessionView:
        """The view of all its streams; not `known` when there is none. Raises InvalidId."""
        return await self._read(customer, session, session_filter(customer, session))

    async def admit(
        self,
        view: SessionView,
        command: admission.Request,
        *,
        personal: UserPersonal,
        origin: Origin,
        key: bytes,
        actor: str,
    ) -> tuple[SessionView, Position]:
        """Append the first commit with expectation 0. Raises RevisionConflict, LogFault and the decider's refusals."""
        recorder = Recorder(origin=origin, clock=self._clock, key=key)
        events = admission.decide(command, view)
        envelopes = [recorder.record(events[0], personal, actor=actor)]
        envelopes += [recorder.record(event, actor=actor) for event in events[1:]]
        return await self._append(view, envelopes, expected=0)

    async def decide(
        self, customer: CustomerId, session: SessionId, *commands: admission.Command, actor: str = ""
    ) -> tuple[SessionView, Position | None]:
        """Carry out commands in one commit: read, decide, append; anew on a conflict. No position: nothing to add.

        Raises the decider's refusals; RevisionConflict when others won eight times in a row.
        """
        for attempt in range(_ATTEMPTS):
            view = await self.load(customer, session)
            try:
                return await self.append(view, *commands, actor=actor)
            except RevisionConflict:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def append(
        self, view: SessionView, *commands: admission.Command, actor: str = ""
    ) -> tuple[SessionView, Position | None]:
        """Decide on `view` and append where it still stands; raises RevisionConflict where it does not."""
        recorder = Recorder(
            origin=self._origin(view, Writer.ADMISSION), clock=self._clock, last_n=view.admission_n, epoch=view.epoch
        )
        envelopes: list[Envelope] = []
        ahead = view
        for command in commands:
            for event in admission.decide(command, ahead):
                envelopes.append(recorder.record(event, actor=actor))
                ahead = evolve(ahead, envelopes[-1], sequence=view.admission_revision, stored_s=self._now_s())
        if not envelopes:
            return view, None
        return await self._append(view, envelopes, expected=view.admission_revision)

    async def append_end(
        self, view: SessionView, ended: SessionEnded, *, actor: str = ""
    ) -> tuple[SessionView, Position]:
        """Claim the view's last epoch and end the session, in one commit; raises RevisionConflict."""
        recorder = Recorder(
            origin=self._origin(view, Writer.RUN), clock=self._clock, last_n=view.run_n, epoch=view.epoch
        )
        claim = JobClaimed(epoch=view.epoch, job_id=GATEWAY_JOB, worker_id=self._instance, participant="")
        envelopes = [recorder.record(claim, actor=actor), recorder.record(ended, actor=actor)]
        return await self._append(view, envelopes, expected=view.run_revision)

    async def refuse_expired(self, customer: CustomerId, session: SessionId) -> bool:
        """Append `refused(expired)` where the session has no event yet; False where it has."""
        view = SessionView(customer=customer, session=session)
        recorder = Recorder(origin=self._origin(view, Writer.ADMISSION), clock=self._clock)
        events: list[AdmissionEvent] = admission.decide(admission.Expire(), view)
        try:
            await self._append(view, [recorder.record(event) for event in events], expected=0)
        except RevisionConflict:
            return False
        return True

    async def exists(self, customer: CustomerId, session: SessionId) -> bool:
        """Whether `admission` holds anything."""
        return await self._log.last(Log.SESSIONS, session_subject(customer, session, Writer.ADMISSION)) is not None

    def origin(self, customer: CustomerId, session: SessionId, *, livemode: bool, keyid: KeyId) -> Origin:
        """What the envelopes of a session's `admission` have in common."""
        return Origin(
            customer=customer,
            subject=session,
            writer=Writer.ADMISSION,
            source=self._source,
            livemode=livemode,
            keyid=keyid,
        )

    async def _read(self, customer: CustomerId, session: SessionId, subject: str) -> SessionView:
        view = SessionView(customer=customer, session=session)
        async for commit in self._log.read(Log.SESSIONS, subject):
            view = evolve_commit(view, commit)
        return view

    async def _append(
        self, view: SessionView, envelopes: list[Envelope], *, expected: int
    ) -> tuple[SessionView, Position]:
        subject = session_subject(view.customer, view.session, Writer(envelopes[0].writer))
        position = await self._log.append(Log.SESSIONS, subject, envelopes, expected=expected)
        for envelope in envelopes:
            view = evolve(view, envelope, sequence=position.sequence, stored_s=self._now_s())
        return view, position

    def _origin(self, view: SessionView, writer: Writer) -> Origin:
        return Origin(
            customer=view.customer, subject=view.session, writer=writer, source=self._source, livemode=view.livemode
        )

    def _now_s(self) -> float:
        return self._clock.now().timestamp()


def evolve_commit(view: SessionView, commit: Commit) -> SessionView:
    """The view after a commit; an event that this build cannot read is skipped, and said so in the log."""
    try:
        envelopes = decode_commit(commit.payload)
    except InvalidCommit:
        log.error("commit_unreadable", session=view.session, sequence=commit.sequence)
        return view
    for envelope in envelopes:
        try:
            view = evolve(view, envelope, sequence=commit.sequence, stored_s=commit.stored_ns / NS)
        except (UnknownEvent, msgspec.ValidationError) as error:
            log.error("event_unreadable", session=view.session, event_id=envelope.id, error=type(error).__name__)
    return view
