"""LiveKit's webhooks: verified, taken once, and turned into admission facts. Their order is not relied on."""

import msgspec
import structlog
from livekit.api import TokenVerifier, WebhookReceiver
from livekit.protocol.models import DisconnectReason, ParticipantInfo
from livekit.protocol.webhook import WebhookEvent

from chassis.clock import Clock
from chassis.errors import Conflict, InvalidInput, NotAuthenticated
from chassis.event_log import RevisionConflict
from contracts.ids import InvalidId, SessionId, check_id
from gateway.adapters.places import Places
from gateway.adapters.reach import store_in_reach
from gateway.adapters.session_streams import SessionStreams
from gateway.adapters.webhooks_seen import WebhooksSeen
from gateway.domain.admission import (
    Fact,
    Kind,
    RecordJoined,
    RecordLeft,
    RecordRoomFinished,
    RecordRoomStarted,
)
from gateway.domain.view import SessionView
from gateway.handlers.open_sessions import OpenSessions
from gateway.handlers.reconciler import Reconciler

log = structlog.get_logger(__name__)
MAX_AGE_S = 300


class ForgedWebhook(NotAuthenticated):
    """Not signed by our LiveKit, or not what it signed."""

    code, title = "forged_webhook", "The webhook is not signed by this deployment's LiveKit"


class ReplayedWebhook(Conflict):
    """It was taken before. LiveKit itself repeats only what got no answer, or a 5xx."""

    code, title = "replayed_webhook", "This webhook was taken before"


class StaleWebhook(InvalidInput):
    """Too old to be a delivery or a retry of LiveKit's."""

    code, title = "stale_webhook", "This webhook is too old"


class Taken(msgspec.Struct, frozen=True):
    """What became of a webhook: `recorded`, or `ignored` where it told nothing new of a session of ours."""

    outcome: str


class Webhooks:
    """Takes webhooks; `key` and `secret` are LiveKit's, empty where there is none."""

    def __init__(
        self,
        *,
        key: str,
        secret: str,
        seen: WebhooksSeen,
        places: Places,
        streams: SessionStreams,
        sessions: OpenSessions,
        reconciler: Reconciler,
        clock: Clock,
    ) -> None:
        self._receiver = WebhookReceiver(TokenVerifier(key, secret)) if key and secret else None
        self._seen, self._places, self._streams = seen, places, streams
        self._sessions, self._reconciler, self._clock = sessions, reconciler, clock

    async def take(self, body: bytes, authorization: str) -> Taken:
        """Verify, record, remember. Raises ForgedWebhook, StaleWebhook, ReplayedWebhook, Unavailable, LogFault."""
        event = self._verified(body, authorization)
        if self._clock.now().timestamp() - event.created_at > MAX_AGE_S:
            raise StaleWebhook
        with store_in_reach():
            if await self._seen.has(event.id):
                raise ReplayedWebhook
        recorded = await self._record(event)
        with store_in_reach():
            await self._seen.add(event.id)
        return Taken("recorded" if recorded else "ignored")

    def _verified(self, body: bytes, authorization: str) -> WebhookEvent:
        if self._receiver is None:
            raise ForgedWebhook("this deployment has no LiveKit")
        try:
            event = self._receiver.receive(body.decode(), authorization)
        except Exception as error:
            log.warning("webhook_forged", error=type(error).__name__)
            raise ForgedWebhook from error
        if not event.id:
            raise ForgedWebhook("the webhook has no id")
        return event

    async def _record(self, event: WebhookEvent) -> bool:
        """Whether it told anything new of a session of ours."""
        view = await self._view(event.room.name)
        if view is None:
            return False
        fact = fact_of(event, user=view.request.identity)
        if fact is None:
            return False
        position = await self._append(view, fact)
        self._reconciler.wake(view.session)
        return position

    async def _append(self, view: SessionView, fact: Fact) -> bool:
        """On the view in memory, which is mostly right; else on what the log then says."""
        try:
            view, position = await self._streams.append(view, fact)
        except RevisionConflict:
            view, position = await self._streams.decide(view.customer, view.session, fact)
        self._sessions.take(view)
        return position is not None

    async def _view(self, room: str) -> SessionView | None:
        """The session whose room it is; None for rooms of others, and for what was closed."""
        try:
            session = SessionId(check_id(room))
        except InvalidId:
            return None
        if (view := self._sessions.get(session)) is not None:
            return view
        with store_in_reach():
            found = await self._places.resumable(session)
        if found is None:
            return None
        view = await self._streams.load(found.customer, session)
        return view if view.state.admission.requested is not None else None


def fact_of(event: WebhookEvent, *, user: str) -> Fact | None:
    """What a webhook says in our words; None for what admission has no word for. `user` is the user's identity."""
    who = event.participant
    match event.event:
        case "room_started":
            return RecordRoomStarted(sid=event.room.sid)
        case "room_finished":
            return RecordRoomFinished(sid=event.room.sid)
        case "participant_joined":
            return RecordJoined(
                identity=who.identity,
                sid=who.sid,
                kind=_kind(who, user),
                joined_ms=_joined_ms(who),
                room_sid=event.room.sid,
            )
        case "participant_left":
            return RecordLeft(
                identity=who.identity,
                sid=who.sid,
                reason=_reason(who),
                kind=_kind(who, user),
                joined_ms=_joined_ms(who),
            )
        case _:
            return None


def _kind(who: ParticipantInfo, user: str) -> Kind:
    if who.kind == ParticipantInfo.Kind.AGENT:
        return "agent"
    return "user" if who.identity == user else "other"


def _joined_ms(who: ParticipantInfo) -> int:
    return int(who.joined_at_ms or who.joined_at * 1000)


def _reason(who: ParticipantInfo) -> str:
    try:
        return str(DisconnectReason.Name(who.disconnect_reason)).lower()
    except ValueError:
        return str(int(who.disconnect_reason))
