"""What endpoints are told, when again, and the rules of an endpoint's life."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scripted_session import ScriptedSession

from chassis.errors import Conflict
from contracts.events import handoff, session, tool, turn
from contracts.events import webhook as events
from contracts.events.tool import ToolMessage
from contracts.ids import AgentId
from contracts.registry import EventData, Personal, event_types
from contracts.subjects import Writer
from gateway.domain.outbound import (
    ATTEMPTS,
    Line,
    SessionFacts,
    body_of,
    pause_s,
    position_in,
    told_as,
    with_summary,
)
from gateway.domain.outbound_endpoint import (
    ENDPOINT,
    Create,
    Delete,
    Disable,
    Enable,
    Endpoint,
    NoSuchWebhook,
    RotateSecret,
    decide,
)

pytestmark = pytest.mark.unit

FACTS = SessionFacts(template_id="help", external_id="order-1", user_id="anna")
A, B = AgentId("a"), AgentId("b")
EVENTS: list[tuple[EventData, Personal | None, str, dict[str, Any]]] = [
    (session.SessionStarted(agent=A), None, "session.started", {"agent": "a"}),
    (
        session.SessionEnded(reason="user_left", duration_ms=7),
        None,
        "session.ended",
        {"reason": "user_left", "duration_ms": 7},
    ),
    (session.SessionFailed(code="x"), None, "session.failed", {"code": "x", "component": ""}),
    (session.LimitReached(limit="budget", value=3), None, "limit.reached", {"limit": "budget", "value": 3}),
    (
        handoff.HandoffCompleted(call_id="c", from_agent=A, to_agent=B, policy="full", ms=9),
        handoff.HandoffSummary(summary="Anna Secret"),
        "handoff.completed",
        {"from_agent": "a", "to_agent": "b", "policy": "full", "ms": 9},
    ),
    (
        tool.ToolFailed(call_id="c", name="search", code="timeout", ms=9),
        ToolMessage(message="Anna Secret"),
        "tool.failed",
        {"call_id": "c", "name": "search", "code": "timeout", "ms": 9},
    ),
]


@pytest.mark.parametrize(("data", "personal", "told", "details"), EVENTS, ids=[one[2] for one in EVENTS])
def test_a_body_names_the_session_and_holds_only_what_is_open(
    data: EventData, personal: Personal | None, told: str, details: dict[str, Any]
) -> None:
    envelope = ScriptedSession().tell(Writer.RUN, data, personal)
    name = told_as(envelope.type)
    assert name == told
    body = body_of(envelope, data, name, position="p1.x", facts=FACTS)
    found = json.loads(body)

    assert (found["type"], found["timestamp"]) == (told, envelope.time)
    assert found["data"].items() >= {"session_id": "ses_1", "external_id": "order-1", **details}.items()
    assert ("transcript_path" in found["data"]) == (told in ("session.ended", "session.failed"))
    assert b"Secret" not in body
    assert len(body) < 20_000


@given(st.lists(st.integers(0, 9000), max_size=40))
def test_a_transcript_keeps_its_beginning_and_says_so(sizes: list[int]) -> None:
    envelope = ScriptedSession().tell(Writer.RUN, session.SessionEnded(reason="user_left", duration_ms=7))
    body = body_of(envelope, session.SessionEnded(reason="user_left"), "session.ended", position="p1.x", facts=FACTS)
    lines = [Line(at=envelope.time, speaker="agent", agent="a", text="x" * size) for size in sizes]
    full = with_summary(body, transcript=lines, cost=None)
    data = json.loads(full)["data"]

    assert len(full) < 20_000
    texts = [len(line["text"]) for line in data["transcript"]]
    assert texts == sizes[: len(texts)]
    assert data["transcript_truncated"] == (len(texts) < len(sizes))
    assert position_in(full) == "p1.x"
    assert "cost" not in data


def test_nobody_is_told_of_anything_else() -> None:
    told = {kind.name for kind in event_types() if told_as(kind.name) is not None}
    assert len(told) == len(EVENTS)
    assert turn.UserSaid.__name__ not in told


def test_attempts_come_further_and_further_apart_and_end_after_some_three_days() -> None:
    pauses = [pause_s(attempts, chance=0.5) for attempts in range(1, ATTEMPTS + 1)]
    assert pauses[-1] is None
    known = [one for one in pauses if one is not None]
    assert known == sorted(known)
    assert 2 * 86_400 < sum(known) < 4 * 86_400


@given(st.integers(1, 20), st.floats(0, 1))
def test_a_pause_is_within_a_fifth_of_its_plan(attempts: int, chance: float) -> None:
    pause, plan = pause_s(attempts, chance=chance), pause_s(attempts, chance=0.5)
    assert (pause is None) == (plan is None) == (attempts >= ATTEMPTS)
    if pause is not None and plan is not None:
        assert 0.79 * plan <= pause <= 1.21 * plan


CREATED = events.WebhookCreated(url="https://example.com", events=[], secret="whs_1")


def test_the_life_of_an_endpoint() -> None:
    state = ENDPOINT.fold([CREATED])
    assert state.condition == "enabled"
    assert decide(Enable(), state) == []
    disabled = ENDPOINT.evolve(state, *decide(Disable(reason="gone"), state))
    assert (disabled.condition, disabled.disabled_because, disabled.wants("session.ended")) == (
        "disabled",
        "gone",
        False,
    )
    assert decide(Disable(reason="asked"), disabled) == []
    enabled = ENDPOINT.evolve(disabled, *decide(Enable(), disabled))
    assert (enabled.disabled_because, enabled.wants("session.ended")) == ("", True)
    deleted = ENDPOINT.evolve(enabled, *decide(Delete(), enabled))
    assert decide(Delete(), deleted) == []
    for command in (Enable(), Disable(reason="asked"), RotateSecret(secret="x", overlap_until="")):
        for gone in (deleted, Endpoint()):
            with pytest.raises(NoSuchWebhook):
                decide(command, gone)
    with pytest.raises(Conflict):
        decide(Create(url="https://example.com", events=[], secret="whs_2"), deleted)


def test_a_rotation_keeps_the_last_secret_and_no_older_one() -> None:
    state = ENDPOINT.fold([CREATED])
    for secret in ("whs_2", "whs_3"):
        state = ENDPOINT.evolve(state, *decide(RotateSecret(secret=secret, overlap_until="t"), state))
    assert (state.secret, state.old_secret, state.overlap_until) == ("whs_3", "whs_2", "t")


def test_an_endpoint_hears_only_what_it_asked_for() -> None:
    some = ENDPOINT.fold([events.WebhookCreated(url="u", events=["session.ended"], secret="whs_1")])
    assert some.wants("session.ended")
    assert not some.wants("session.started")
    assert ENDPOINT.fold([CREATED]).wants("tool.failed")
