"""What customers' endpoints are told, and when a delivery is tried again.

The body is that of Standard Webhooks: type, timestamp, data. It is made and kept without a personal value; a transcript
comes in only when it is sent, and only where the endpoint asked for it.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from contracts.commands.costs import CostTold
from contracts.envelope import Envelope
from contracts.events import handoff, session, tool
from contracts.events.webhook import Told
from contracts.registry import EventData

PAUSES_S = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Between the attempts, as Standard Webhooks has them: ten attempts in some three days."""

ATTEMPTS = len(PAUSES_S) + 1
MAX_TRANSCRIPT_BYTES = 16 * 1024
"""Standard Webhooks wants bodies below 20 kB."""

SUMMED_UP: frozenset[Told] = frozenset({"session.ended", "session.failed"})
"""What a transcript and a cost may come with."""

_JITTER = 0.2


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver knows the session by."""

    template_id: str
    external_id: str
    user_id: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One utterance in a transcript; `text` is null where it was erased, or does not open."""

    at: str
    speaker: Literal["participant", "agent"]
    agent: str
    text: str | None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery's body; `data` holds the session's names and the open part of the event."""

    type: Told
    timestamp: str
    data: dict[str, object]


def told_as(event_type: str) -> Told | None:
    """What an event of the log is called in deliveries; None for what nobody is told."""
    return _NAMES.get(event_type)


_NAMES: dict[str, Told] = {
    "session.started": "session.started",
    "session.ended": "session.ended",
    "session.failed": "session.failed",
    "session.limit_reached": "limit.reached",
    "handoff.completed": "handoff.completed",
    "tool.failed": "tool.failed",
}


def body_of(envelope: Envelope, data: EventData, told: Told, *, position: str, facts: SessionFacts) -> bytes:
    """The body's bytes. An end says where transcript and cost are asked for: words and sums are the ledger's."""
    about: dict[str, object] = {
        "session_id": envelope.subject,
        "template_id": facts.template_id,
        "external_id": facts.external_id or None,
        "user_id": facts.user_id,
        "livemode": envelope.livemode,
        "position": position,
        **_details(data),
    }
    if told in SUMMED_UP:
        about["transcript_path"] = f"/api/sessions/{envelope.subject}/timeline"
        about["cost_path"] = f"/api/sessions/{envelope.subject}/cost"
    return msgspec.json.encode(Body(type=told, timestamp=envelope.time, data=about))


def budget_body(*, month: str, monthly_nano: int, currency: str, livemode: bool, at: str) -> bytes:
    """What an endpoint is told when the month's budget let a session in no more: no session is in it."""
    about: dict[str, object] = {
        "session_id": None,
        "limit": "monthly_budget",
        "value": monthly_nano,
        "currency": currency,
        "month": month,
        "livemode": livemode,
    }
    return msgspec.json.encode(Body(type="limit.reached", timestamp=at, data=about))


def position_in(body: bytes) -> str:
    """The position, encoded, of the event that a body tells of."""
    return str(msgspec.json.decode(body, type=Body).data["position"])


def with_summary(body: bytes, *, transcript: Sequence[Line] | None, cost: CostTold | None) -> bytes:
    """The body of an end with what is given of the session; a transcript keeps its first MAX_TRANSCRIPT_BYTES."""
    made = msgspec.json.decode(body, type=Body)
    more: dict[str, object] = {}
    if transcript is not None:
        kept = _beginning(transcript)
        more |= {"transcript": kept, "transcript_truncated": len(kept) < len(transcript)}
    if cost is not None:
        more["cost"] = msgspec.structs.asdict(cost)
    return msgspec.json.encode(msgspec.structs.replace(made, data={**made.data, **more}))


def _beginning(transcript: Sequence[Line]) -> list[Line]:
    kept: list[Line] = []
    room = MAX_TRANSCRIPT_BYTES
    for line in transcript:
        room -= len(msgspec.json.encode(line)) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def _details(data: EventData) -> dict[str, object]:
    match data:
        case session.SessionStarted():
            return {"agent": data.agent}
        case session.SessionEnded():
            return {"reason": data.reason, "duration_ms": data.duration_ms}
        case session.SessionFailed():
            return {"code": data.code, "component": data.component}
        case session.LimitReached():
            return {"limit": data.limit, "value": data.value}
        case handoff.HandoffCompleted():
            return {"from_agent": data.from_agent, "to_agent": data.to_agent, "policy": data.policy, "ms": data.ms}
        case tool.ToolFailed():
            return {"call_id": data.call_id, "name": data.name, "code": data.code, "ms": data.ms}
        case _:
            return {}


def pause_s(attempts: int, *, chance: float) -> float | None:
    """Seconds to wait after so many failed attempts; None: no more. `chance` in 0..1 spreads it by a fifth each way."""
    if attempts >= ATTEMPTS:
        return None
    return PAUSES_S[attempts - 1] * (1 - _JITTER + 2 * _JITTER * chance)
