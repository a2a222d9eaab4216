"""/api/session: start, token, status, end."""

from typing import Any

from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from chassis.access import CustomerIsSuspended
from chassis.errors import NotFound
from chassis.http.app import Caller
from chassis.principal import Principal
from gateway.adapters.places import BudgetExhausted, TooManySessions, TooManyStarts
from gateway.adapters.reach import StoreUnavailable
from gateway.domain.admission import SessionOver, SlotExpired
from gateway.domain.allowance import BudgetInOtherCurrency
from gateway.domain.view import SessionView
from gateway.handlers.admitting import Admitted, UnknownAgent, UnknownTemplate, VersionUnreadable
from gateway.handlers.resuming import WrongResumeToken
from gateway.http.asking import Admits, Ends, TellsStatus
from gateway.http.bodies import (
    BadId,
    BadUserInfo,
    FreshToken,
    ModalityConfig,
    ResumeSession,
    SessionEnding,
    SessionStarted,
    SessionStatus,
    StartSession,
    session_id,
    wanted,
)
from gateway.http.given import BadMetadata, BadVariables
from gateway.http.publishable import Origin, OriginNotAllowed, TemplateNotAllowed, check_publishable
from gateway.http.start_rates import tell_rates


class NoSuchSession(NotFound):
    """No session of this customer has that id."""

    code, title = "unknown_session", "There is no such session"


@post(
    "/api/session/start",
    opt={
        "scope": "sessions:write",
        "publishable": True,
        "idempotent": True,
        "refuses": (
            *(OriginNotAllowed, TemplateNotAllowed),
            *(BadId, BadUserInfo, BadVariables, BadMetadata, UnknownAgent, UnknownTemplate, TooManySessions),
            *(TooManyStarts, BudgetExhausted, BudgetInOtherCurrency),
            *(SlotExpired, VersionUnreadable, StoreUnavailable),
        ),
    },
)
async def start_session(
    data: JSONBody[StartSession],
    request: Request[Principal, Any, Any],
    principal: Caller,
    admitting: Admits,
    origin: Origin = None,
) -> SessionStarted:
    """Start a session of a published template for one participant.

    Your limits are counted exactly: 429 `too_many_starts` and `too_many_sessions` pass by themselves, 402
    `budget_exhausted` when a session ends below its budget, a budget is raised, or the month is over.
    """
    asked = wanted(data)
    check_publishable(principal, origin=origin, template=asked.template_id)
    try:
        admitted = await admitting.start(principal, asked)
    except TooManyStarts as refused:
        tell_rates(request.scope, refused.rates)
        raise
    tell_rates(request.scope, admitted.rates)
    return _started(admitted, livekit_url=admitting.tokens.url)


def _started(admitted: Admitted, *, livekit_url: str) -> SessionStarted:
    request = admitted.view.request
    return SessionStarted(
        session_id=admitted.view.session,
        livekit_url=livekit_url,
        access_token=admitted.access_token,
        modality_config=ModalityConfig(camera=request.modality_profile.camera, screen=request.modality_profile.screen),
        enabled_panels=request.panels,
        resume_token=admitted.resume_token,
        position=admitted.position.encode(),
    )


@post(
    "/api/session/{id:str}/token",
    opt={"public": True, "refuses": (BadId, WrongResumeToken, CustomerIsSuspended, SessionOver, StoreUnavailable)},
    status_code=200,
)
async def issue_token(id: FromPath[str], data: JSONBody[ResumeSession], admitting: Admits) -> FreshToken:
    """A fresh token for the session's own participant, by its resume token, while the session is open."""
    session = session_id(id)
    token = await admitting.issue_token(session, data.resume_token)
    return FreshToken(session_id=session, livekit_url=admitting.tokens.url, access_token=token)


@get("/api/session/{id:str}/status", opt={"scope": "sessions:read", "refuses": (BadId, NoSuchSession)})
async def session_status(id: FromPath[str], principal: Caller, statuses: TellsStatus) -> SessionStatus:
    """Where a session stands, folded from its log just now."""
    found = await statuses.find(principal.customer, session_id(id))
    if found is None:
        raise NoSuchSession
    return found


@post(
    "/api/session/{id:str}/end",
    opt={"scope": "sessions:write", "refuses": (BadId, NoSuchSession)},
    status_code=202,
)
async def end_session(id: FromPath[str], principal: Caller, endings: Ends) -> SessionEnding:
    """End a session; one that has ended stays as it is."""
    view = await endings.end(principal.customer, session_id(id), actor=principal.actor)
    if not view.known:
        raise NoSuchSession
    return _ending(view)


def _ending(view: SessionView) -> SessionEnding:
    reason = view.state.run.end or view.state.admission.refused
    return SessionEnding(session_id=view.session, status="ended" if view.over else "ending", end_reason=reason or None)


ROUTES = [start_session, issue_token, session_status, end_session]
