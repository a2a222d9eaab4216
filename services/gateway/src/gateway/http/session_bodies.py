"""The bodies of answers under /api/sessions, and how a row becomes one."""

from datetime import datetime
from typing import Literal

import msgspec

from contracts.envelope import Envelope, format_time
from contracts.events.session import SessionRequested, UserPersonal, Variable
from contracts.ids import AgentId, CustomerId, EventId, KeyId, SessionId, TemplateId, VersionHash
from contracts.registry import find_type
from gateway.handlers.opening import Opened
from gateway.read_models.session_list import FoundRow

Unopened = Literal["erased", "broken"]
"""What stands for a sealed value that cannot be had."""


class SessionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A session in a list. Times are RFC 3339 UTC, null where it has not come so far; `initial_agent` and `external_id`
    are null where none was given.
    """

    session_id: SessionId
    status: str
    template_id: TemplateId
    template_version: VersionHash
    livemode: bool
    user_id: str
    initial_agent: AgentId | None
    external_id: str | None
    metadata: dict[str, str] | Unopened
    created_at: str
    joined_at: str | None
    started_at: str | None
    ended_at: str | None
    closed_at: str | None
    end_reason: str | None


class UserGiven(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer said of the participant."""

    name: str
    preferences: dict[str, str]
    metadata: dict[str, str]


class SessionDetail(SessionSummary, frozen=True, kw_only=True):
    """A session with all that was given at its start."""

    user: UserGiven | Unopened
    variables: dict[str, Variable] | Unopened


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next_cursor` is null on the last page."""

    data: list[SessionSummary]
    next_cursor: str | None


_REQUESTED = "session.requested"


def sealed_envelope(customer: CustomerId, row: FoundRow) -> Envelope:
    """The event that a row keeps the sealed part of, without what does not matter for opening it."""
    kind = find_type(_REQUESTED, 1)
    assert kind.data is SessionRequested
    return Envelope(
        id=EventId(row.request_event),
        type=kind.name,
        v=kind.v,
        time="",
        customer=customer,
        subject=row.session,
        writer="",
        n=0,
        keyid=KeyId(row.keyid),
        data=msgspec.Raw(b"{}"),
        personal=row.sealed,
    )


def summary(row: FoundRow, opened: Opened) -> SessionSummary:
    """A row as a list shows it."""
    given = _given(opened)
    return SessionSummary(
        session_id=row.session,
        status=row.status,
        template_id=TemplateId(row.template_id),
        template_version=VersionHash(row.version),
        livemode=row.livemode,
        user_id=row.user_id,
        initial_agent=AgentId(row.initial_agent) if row.initial_agent else None,
        external_id=row.external_id or None,
        metadata=given.session_metadata if isinstance(given, UserPersonal) else given,
        created_at=format_time(row.requested_at),
        joined_at=_time(row.joined_at),
        started_at=_time(row.started_at),
        ended_at=_time(row.ended_at),
        closed_at=_time(row.closed_at),
        end_reason=row.end_reason or None,
    )


def detail(row: FoundRow, opened: Opened) -> SessionDetail:
    """A row with all that was given."""
    given = _given(opened)
    shown = msgspec.structs.asdict(summary(row, opened))
    if not isinstance(given, UserPersonal):
        return SessionDetail(user=given, variables=given, **shown)
    user = UserGiven(name=given.name, preferences=given.preferences, metadata=given.metadata)
    return SessionDetail(user=user, variables=given.variables, **shown)


def _given(opened: Opened) -> UserPersonal | Unopened:
    if isinstance(opened, UserPersonal):
        return opened
    return opened if isinstance(opened, str) else UserPersonal()


def _time(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None
