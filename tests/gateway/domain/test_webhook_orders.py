"""LiveKit's webhooks in any order and any number: what the log says of the room in the end is the same."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.gateway_views import USER, admitted, fold

from gateway.domain import admission
from gateway.domain.admission import Fact, Kind, RecordJoined, RecordLeft, RecordRoomFinished, RecordRoomStarted
from gateway.domain.view import SessionView

pytestmark = pytest.mark.unit

ROOM = "RM_1"
KINDS: dict[str, Kind] = {USER: "user", "agent-1": "agent", "guest": "other"}


def told(facts: list[Fact]) -> SessionView:
    """The view after a gateway has recorded these, as they came."""
    view = admitted()
    for fact in facts:
        view = fold(view, *admission.decide(fact, view))
    return view


def room_of(view: SessionView) -> dict[str, Any]:
    """What everybody learns of the room from the log."""
    state = view.state.admission
    return {
        "present": dict(sorted(state.present.items())),
        "connections": {who: there.sid for who, there in sorted(view.present.items())},
        "user_joined": state.user_joined,
        "room": state.room_sid,
        "finished": state.room_finished,
    }


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """What happened in one room, in the order in which it happened: people and agents come, reconnect and go."""
    facts: list[Fact] = [RecordRoomStarted(sid=ROOM)]
    now_ms, finished = 1_764_000_000_000, draw(st.booleans())
    for identity, kind in KINDS.items():
        connections = draw(st.integers(0, 3))
        for number in range(connections):
            now_ms += draw(st.integers(1, 5000))
            sid = f"PA_{identity}_{draw(st.integers(0, 9))}{number}"
            facts.append(RecordJoined(identity=identity, sid=sid, kind=kind, joined_ms=now_ms, room_sid=ROOM))
            if finished or number < connections - 1 or draw(st.booleans()):
                facts.append(RecordLeft(identity=identity, sid=sid, kind=kind, joined_ms=now_ms, reason="left"))
    if finished:
        facts.append(RecordRoomFinished(sid=ROOM))
    return facts


@given(histories(), st.randoms(use_true_random=False), st.integers(0, 6))
def test_every_order_and_every_repetition_of_webhooks_gives_the_same_room(
    facts: list[Fact], chance: random.Random, repeated: int
) -> None:
    wanted = room_of(told(facts))
    shuffled = [*facts, *(chance.choice(facts) for _ in range(repeated))]
    chance.shuffle(shuffled)
    assert room_of(told(shuffled)) == wanted


def test_a_leave_before_its_join_tells_of_both_and_the_join_of_nothing_more() -> None:
    left = RecordLeft(identity=USER, sid="PA_1", kind="user", joined_ms=5, reason="client_initiated")
    joined = RecordJoined(identity=USER, sid="PA_1", kind="user", joined_ms=5, room_sid=ROOM)
    view = told([left])
    assert (view.state.admission.user_joined, view.present) == (True, {})
    assert admission.decide(joined, view) == []


def test_a_join_of_an_earlier_connection_does_not_take_the_place_of_a_later_one() -> None:
    later = RecordJoined(identity=USER, sid="PA_2", kind="user", joined_ms=9, room_sid=ROOM)
    earlier = RecordJoined(identity=USER, sid="PA_1", kind="user", joined_ms=5, room_sid=ROOM)
    assert told([later, earlier]).present[USER].sid == "PA_2"
    of_a_look = RecordJoined(identity=USER, sid="PA_3", kind="user")
    assert told([later, of_a_look]).present[USER].sid == "PA_3", "LiveKit's own list is right, whatever webhooks said"
