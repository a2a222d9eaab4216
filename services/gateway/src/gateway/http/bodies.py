"""The bodies of requests and answers under /api/session, and the checks that need no look at anything else."""

from typing import Literal

import msgspec

from chassis.errors import FieldError, InvalidInput
from contracts.aliases import InvalidAlias, parse_reference
from contracts.events.session import UserPersonal, Variable
from contracts.ids import AgentId, InvalidId, PanelId, SessionId, TemplateId, VersionHash, check_id
from contracts.template_version import SourceMode
from gateway.handlers.admitting import Wanted
from gateway.http.given import check_metadata, check_variables

MAX_USER_INFO_BYTES = 8192
MAX_USER_ID = 256


class BadId(InvalidInput):
    """An id that no id looks like."""

    code, title = "invalid_id", "This is not an id"


class BadUserInfo(InvalidInput):
    """`user_info` is too large, or has no usable id."""

    code, title = "invalid_user_info", "user_info is not valid"


class UserInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The participant: `id` is the customer's pseudonym for the person; the rest is personal and is kept sealed."""

    id: str
    name: str = ""
    preferences: dict[str, str] = {}
    metadata: dict[str, str] = {}


class StartSession(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The founding document's body, and what may be added to it. `template_id` may name an alias: ``tutoring@prod``.

    `variables` fill the templates of instructions and greetings; `external_id` (an id) and `metadata` are the
    customer's own, by which sessions are found; `initial_agent` begins in place of the template's.
    """

    template_id: str
    user_info: UserInfo
    variables: dict[str, Variable] = {}
    external_id: str = ""
    metadata: dict[str, str] = {}
    initial_agent: str | None = None


class ModalityConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which media the page may ask for."""

    audio: Literal["on_start"] = "on_start"
    camera: SourceMode
    screen: SourceMode


class SessionStarted(msgspec.Struct, frozen=True, kw_only=True):
    """What a page needs to join; `livekit_url` and `access_token` are empty where sessions have no room."""

    session_id: SessionId
    livekit_url: str
    access_token: str
    modality_config: ModalityConfig
    enabled_panels: list[PanelId]
    resume_token: str
    position: str


class ResumeSession(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The credential of a session's own participant."""

    resume_token: str


class FreshToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token for the same participant as before."""

    session_id: SessionId
    livekit_url: str
    access_token: str


class ParticipantStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in the room."""

    identity: str
    kind: str


class SessionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its log says. Times are RFC 3339 UTC, absent where it has not come so far."""

    session_id: SessionId
    status: str
    template_id: TemplateId | None
    template_version: VersionHash | None
    active_agent: AgentId | None
    epoch: int
    claimed_epoch: int
    participants: list[ParticipantStatus]
    requested_at: str | None
    started_at: str | None
    ended_at: str | None
    end_reason: str | None


class SessionEnding(msgspec.Struct, frozen=True, kw_only=True):
    """`ending`: the live job says goodbye first. `ended`: it has its end, whoever appended it."""

    session_id: SessionId
    status: Literal["ending", "ended"]
    end_reason: str | None


def wanted(body: StartSession) -> Wanted:
    """The checked request; raises BadId, BadUserInfo, BadVariables, BadMetadata."""
    user = body.user_info
    size = len(msgspec.json.encode(user))
    if size > MAX_USER_INFO_BYTES:
        raise BadUserInfo(f"user_info holds at most {MAX_USER_INFO_BYTES} bytes, not {size}")
    if not 1 <= len(user.id) <= MAX_USER_ID:
        wrong = FieldError("/user_info/id", "length", f"1 to {MAX_USER_ID} characters")
        raise BadUserInfo("user_info.id is missing or too long", errors=[wrong])
    check_variables(body.variables)
    check_metadata(body.metadata)
    template, alias = _reference(body.template_id)
    return Wanted(
        template_id=template,
        alias=alias,
        user_id=user.id,
        personal=UserPersonal(
            name=user.name,
            preferences=user.preferences,
            metadata=user.metadata,
            variables=body.variables,
            session_metadata=body.metadata,
        ),
        external_id=checked_id(body.external_id, at="/external_id") if body.external_id else "",
        initial_agent=None
        if body.initial_agent is None
        else AgentId(checked_id(body.initial_agent, at="/initial_agent")),
    )


def _reference(text: str) -> tuple[TemplateId, str]:
    try:
        return parse_reference(text)
    except (InvalidId, InvalidAlias) as error:
        raise BadId(str(error), errors=[FieldError("/template_id", error.code, str(error))]) from error


def session_id(text: str) -> SessionId:
    """A session id from a path; raises BadId before anything else sees it."""
    return SessionId(checked_id(text))


def checked_id(text: str, *, at: str = "") -> str:
    """`text` if it is an id; raises BadId, with the JSON Pointer `at` where there is one."""
    try:
        return check_id(text)
    except InvalidId as error:
        raise BadId(str(error), errors=[FieldError(at, error.code, str(error))] if at else None) from error
