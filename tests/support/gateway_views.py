"""Session views for the gateway's unit tests, built by folding real events."""

from datetime import UTC, datetime

from chassis.clock import Clock
from chassis.recording import Origin, Recorder
from contracts.events import session as events
from contracts.ids import AgentId, ApiKeyId, CustomerId, PanelId, SessionId, TemplateId, VersionHash
from contracts.registry import EventData
from contracts.template_version import DispatchMoment, Limits, ModalityProfile
from gateway.domain.view import SessionView, evolve

CUSTOMER = CustomerId("cus_1")
SESSION = SessionId("ses_1")
USER = "user-1"
START_S = 1_000_000.0


class FixedClock:
    """A clock that tests move."""

    def __init__(self, now_s: float = START_S) -> None:
        self.now_s = now_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)

    def monotonic(self) -> float:
        return self.now_s


_CLOCK: Clock = FixedClock()


def a_request(
    *, dispatch: DispatchMoment = "at_start", join_timeout_s: int = 60, profile: ModalityProfile | None = None
) -> events.SessionRequested:
    return events.SessionRequested(
        template_id=TemplateId("tpl_1"),
        version=VersionHash("0" * 64),
        api_key=ApiKeyId("key_1"),
        user_id="anna",
        identity=USER,
        room=SESSION,
        modality_profile=profile or ModalityProfile(),
        panels=[PanelId("notepad")],
        dispatch=dispatch,
        limits=Limits(join_timeout_s=join_timeout_s),
    )


def fold(view: SessionView, *facts: EventData, writer: str = "admission", at_s: float = START_S) -> SessionView:
    """The view after these events of one writer, as if stored at `at_s`."""
    for data in facts:
        last_n = view.run_n if writer == "run" else view.admission_n
        origin = Origin(customer=view.customer, subject=view.session, writer=writer, source="test")
        envelope = Recorder(origin=origin, clock=_CLOCK, last_n=last_n).record(data, traceparent="")
        view = evolve(view, envelope, sequence=view.admission_revision + view.run_revision + 1, stored_s=at_s)
    return view


def nothing_yet() -> SessionView:
    return SessionView(customer=CUSTOMER, session=SESSION)


def admitted(*, dispatch: DispatchMoment = "at_start", join_timeout_s: int = 60) -> SessionView:
    request = a_request(dispatch=dispatch, join_timeout_s=join_timeout_s)
    return fold(nothing_yet(), request, events.SessionDispatched(epoch=1, room=SESSION))


def joined(view: SessionView, *, sid: str = "PA_user", at_s: float = START_S) -> SessionView:
    return fold(view, events.ParticipantJoined(identity=USER, participant_sid=sid, kind="user"), at_s=at_s)


def claimed(view: SessionView, *, epoch: int = 1, at_s: float = START_S) -> SessionView:
    claim = events.JobClaimed(epoch=epoch, job_id=f"AJ_{epoch}", worker_id="AW_1", participant=f"agent-AJ_{epoch}")
    return fold(view, claim, events.SessionStarted(agent=AgentId("triage")), writer="run", at_s=at_s)


def ended(view: SessionView, *, reason: events.EndReason = "user_left", at_s: float = START_S) -> SessionView:
    return fold(view, events.SessionEnded(reason=reason), writer="run", at_s=at_s)
