"""The life of a session: what admission decides (writer `admission`) and what the job does (writer `run`)."""

from typing import Literal

from contracts.ids import AgentId, ApiKeyId, PanelId, TemplateId, VersionHash
from contracts.registry import EventData, Personal, event
from contracts.template_version import DispatchMoment, Limits, ModalityProfile

EndReason = Literal[
    "user_left",
    "agent_ended",
    "limit_reached",
    "budget_reached",
    "operator_ended",
    "customer_suspended",
    "no_show",
    "job_lost",
    "room_gone",
    "drained",
]


Variable = str | int | bool
"""A value that a customer gives at the start for the templates of instructions and greetings."""


class UserPersonal(Personal, frozen=True, kw_only=True):
    """What the customer gave at the start: of the participant `name`, `preferences` and `metadata`; of the session
    `variables` and `session_metadata`.
    """

    name: str = ""
    preferences: dict[str, str] = {}
    metadata: dict[str, str] = {}
    variables: dict[str, Variable] = {}
    session_metadata: dict[str, str] = {}


@event("session.requested", personal=UserPersonal)
class SessionRequested(EventData, frozen=True, kw_only=True):
    """Admission let a session in. `user_id` is the customer's own pseudonym for the person. `alias` is the one of the
    template by which it was started, empty where it got the last published version.

    `api_key` is empty where a member started it: the envelope's `actor` says who, in any case. `initial_agent` is empty
    where the template's own begins. `external_id` is the customer's own name for the session,
    an id. `metadata_digests` are keyed hashes of each `key=value` of the sealed session metadata, sorted, by which it
    is found and not read (ADR 7). `limits` are the template's, with the budget that this session got; `price_book` is
    the version that prices it (ADR 20), empty in sessions that are older than that.
    """

    template_id: TemplateId
    version: VersionHash
    api_key: ApiKeyId
    user_id: str
    identity: str
    room: str
    modality_profile: ModalityProfile
    panels: list[PanelId] = []
    dispatch: DispatchMoment = "at_start"
    limits: Limits
    initial_agent: AgentId = AgentId("")
    external_id: str = ""
    metadata_digests: list[str] = []
    alias: str = ""
    price_book: str = ""


@event("session.refused")
class SessionRefused(EventData, frozen=True, kw_only=True):
    """A session that had a slot but never began, for example `expired`."""

    reason: str


@event("session.dispatched")
class SessionDispatched(EventData, frozen=True, kw_only=True):
    """The gateway allocated an epoch: one job may claim it."""

    epoch: int
    room: str


@event("session.token_issued")
class TokenIssued(EventData, frozen=True, kw_only=True):
    """A LiveKit token went out; `ttl_s` in seconds."""

    identity: str
    ttl_s: int
    reissue: bool = False


@event("session.room_started")
class RoomStarted(EventData, frozen=True, kw_only=True):
    """LiveKit opened the room."""

    room: str
    room_sid: str


@event("session.participant_joined")
class ParticipantJoined(EventData, frozen=True, kw_only=True):
    """A person or an agent is in the room; `joined_ms` since 1970 by LiveKit's clock, 0 where that is not known."""

    identity: str
    participant_sid: str
    kind: Literal["user", "agent", "other"]
    joined_ms: int = 0


@event("session.participant_left")
class ParticipantLeft(EventData, frozen=True, kw_only=True):
    """`reason` is LiveKit's disconnect reason in lower case, or empty."""

    identity: str
    participant_sid: str
    kind: Literal["user", "agent", "other"]
    reason: str = ""


@event("session.job_lost")
class JobLost(EventData, frozen=True, kw_only=True):
    """The job that held `epoch` is gone for good."""

    epoch: int
    cause: Literal["process_died", "heartbeat_silent", "never_claimed", "room_gone"]


@event("session.room_finished")
class RoomFinished(EventData, frozen=True, kw_only=True):
    """LiveKit closed the room."""

    room: str
    room_sid: str = ""


@event("session.closed")
class SessionClosed(EventData, frozen=True, kw_only=True):
    """Always the last `admission` event: the session has ended and its room is gone."""

    reason: str


@event("session.job_claimed")
class JobClaimed(EventData, frozen=True, kw_only=True):
    """A job (or the gateway, to append an end) took the epoch; from here it alone writes `run`."""

    epoch: int
    job_id: str
    worker_id: str
    participant: str


@event("session.started")
class SessionStarted(EventData, frozen=True, kw_only=True):
    """The voice loop runs with its first agent."""

    agent: AgentId


@event("session.resumed")
class SessionResumed(EventData, frozen=True, kw_only=True):
    """Another job went on where a lost one stopped."""

    agent: AgentId
    from_epoch: int


@event("session.user_away")
class UserAway(EventData, frozen=True, kw_only=True):
    """The participant left the room, or fell silent for the away timeout."""

    cause: Literal["left", "silent"]


@event("session.user_returned")
class UserReturned(EventData, frozen=True, kw_only=True):
    """The participant is back; `away_ms` in milliseconds."""

    away_ms: int


@event("session.limit_reached")
class LimitReached(EventData, frozen=True, kw_only=True):
    """A limit of the session was met, and the agent wraps up; `value` is the limit: seconds, nano-units or steps."""

    limit: Literal["duration", "budget", "tool_steps"]
    value: int


@event("session.state_digest")
class StateDigest(EventData, frozen=True, kw_only=True):
    """SHA-256 (hex) over RFC 8785 of the run state that all `run` events before this one fold to."""

    fold_version: int
    digest: str


@event("session.ended")
class SessionEnded(EventData, frozen=True, kw_only=True):
    """Always the last `run` event. `duration_ms` from the first claim."""

    reason: EndReason
    duration_ms: int = 0


@event("session.failed")
class SessionFailed(EventData, frozen=True, kw_only=True):
    """The session ended by a fault of ours or a provider's; the last `run` event, instead of `ended`."""

    code: str
    component: str = ""


AdmissionEvent = (
    SessionRequested
    | SessionRefused
    | SessionDispatched
    | TokenIssued
    | RoomStarted
    | ParticipantJoined
    | ParticipantLeft
    | JobLost
    | RoomFinished
    | SessionClosed
)

LifecycleEvent = (
    JobClaimed
    | SessionStarted
    | SessionResumed
    | UserAway
    | UserReturned
    | LimitReached
    | StateDigest
    | SessionEnded
    | SessionFailed
)
