"""The decider of the admission stream."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.gateway_views import SESSION, USER, a_request, admitted, claimed, ended, fold, joined, nothing_yet

from contracts.events import session as events
from gateway.domain import admission
from gateway.domain.admission import decide
from gateway.domain.view import SessionView

pytestmark = pytest.mark.unit

Views = Callable[[], SessionView]


def apply(view: SessionView, command: admission.Command) -> tuple[SessionView, list[events.AdmissionEvent]]:
    told = decide(command, view)
    return fold(view, *told), told


def test_a_request_lets_the_session_in_with_its_first_epoch_and_token() -> None:
    told = decide(admission.Request(requested=a_request(), token_ttl_s=600), nothing_yet())

    assert told == [
        a_request(),
        events.SessionDispatched(epoch=1, room=SESSION),
        events.TokenIssued(identity=USER, ttl_s=600),
    ]


def test_without_rooms_no_token_is_issued() -> None:
    told = decide(admission.Request(requested=a_request(), token_ttl_s=None), nothing_yet())

    assert [type(event) for event in told] == [events.SessionRequested, events.SessionDispatched]


def test_a_slot_without_its_event_expires_and_the_late_request_loses() -> None:
    view, told = apply(nothing_yet(), admission.Expire())

    assert told == [events.SessionRefused(reason="expired")]
    with pytest.raises(admission.SlotExpired):
        decide(admission.Request(requested=a_request(), token_ttl_s=600), view)


def test_a_session_that_was_let_in_does_not_expire() -> None:
    assert decide(admission.Expire(), admitted()) == []


def test_of_two_who_allocate_after_the_same_epoch_one_does() -> None:
    view, first = apply(admitted(), admission.AllocateEpoch(after=1))

    assert first == [events.SessionDispatched(epoch=2, room=SESSION)]
    assert decide(admission.AllocateEpoch(after=1), view) == []


def test_no_epoch_is_allocated_for_a_session_that_is_over() -> None:
    with pytest.raises(admission.SessionOver):
        decide(admission.AllocateEpoch(after=1), ended(claimed(admitted())))


def test_a_job_is_lost_once() -> None:
    lose = admission.DeclareLost(epoch=1, cause="process_died")
    view, told = apply(claimed(admitted()), lose)

    assert told == [events.JobLost(epoch=1, cause="process_died")]
    assert decide(lose, view) == []


def test_a_job_whose_session_ended_was_not_lost() -> None:
    assert decide(admission.DeclareLost(epoch=1, cause="process_died"), ended(claimed(admitted()))) == []


def test_an_epoch_that_was_never_allocated_cannot_be_lost() -> None:
    with pytest.raises(admission.EpochNotAllocated):
        decide(admission.DeclareLost(epoch=2, cause="process_died"), admitted())


def test_a_second_token_is_a_reissue_to_the_same_identity() -> None:
    view, first = apply(admitted(), admission.IssueToken(ttl_s=600))
    second = decide(admission.IssueToken(ttl_s=600), view)

    assert first == [events.TokenIssued(identity=USER, ttl_s=600)]
    assert second == [events.TokenIssued(identity=USER, ttl_s=600, reissue=True)]


def test_an_ended_session_gives_no_token() -> None:
    with pytest.raises(admission.SessionOver):
        decide(admission.IssueToken(ttl_s=600), ended(claimed(admitted())))


def test_a_join_told_twice_is_recorded_once() -> None:
    join = admission.RecordJoined(identity=USER, sid="PA_1", kind="user")
    view, told = apply(admitted(), join)

    assert len(told) == 1
    assert decide(join, view) == []


def test_a_join_that_is_told_after_its_leave_changes_nothing() -> None:
    view = joined(admitted(), sid="PA_1")
    view, told = apply(view, admission.RecordLeft(identity=USER, sid="PA_1", reason="client_initiated"))

    assert told == [
        events.ParticipantLeft(identity=USER, participant_sid="PA_1", kind="user", reason="client_initiated")
    ]
    assert decide(admission.RecordJoined(identity=USER, sid="PA_1", kind="user"), view) == []


def test_the_leave_of_a_replaced_connection_says_nothing_about_the_new_one() -> None:
    view = joined(joined(admitted(), sid="PA_1"), sid="PA_2")

    assert decide(admission.RecordLeft(identity=USER, sid="PA_1"), view) == []


def test_a_room_that_opens_again_under_another_sid_is_recorded_again() -> None:
    view, _ = apply(admitted(), admission.RecordRoomStarted(sid="RM_1"))

    assert decide(admission.RecordRoomStarted(sid="RM_1"), view) == []
    assert decide(admission.RecordRoomStarted(sid="RM_2"), view) == [events.RoomStarted(room=SESSION, room_sid="RM_2")]


def test_the_end_of_an_earlier_room_says_nothing_about_this_one() -> None:
    view, _ = apply(admitted(), admission.RecordRoomStarted(sid="RM_2"))

    assert decide(admission.RecordRoomFinished(sid="RM_1"), view) == []
    assert decide(admission.RecordRoomFinished(sid="RM_2"), view) == [
        events.RoomFinished(room=SESSION, room_sid="RM_2")
    ]


def test_facts_about_a_session_that_never_was_are_dropped() -> None:
    assert decide(admission.RecordRoomStarted(sid="RM_1"), nothing_yet()) == []


def test_an_open_session_does_not_close() -> None:
    with pytest.raises(admission.NotEnded):
        decide(admission.Close(), claimed(admitted()))


def test_an_ended_session_closes_once_with_the_reason_of_its_end() -> None:
    view, told = apply(ended(claimed(admitted()), reason="agent_ended"), admission.Close())

    assert told == [events.SessionClosed(reason="agent_ended")]
    assert decide(admission.Close(), view) == []


SIDS = st.sampled_from(["A", "B", "C"])
WHO = st.sampled_from([USER, "agent-1", "other"])
FACTS: st.SearchStrategy[admission.Command] = st.one_of(
    st.builds(admission.RecordRoomStarted, sid=SIDS),
    st.builds(admission.RecordRoomFinished, sid=SIDS),
    st.builds(admission.RecordJoined, identity=WHO, sid=SIDS, kind=st.sampled_from(["user", "agent", "other"])),
    st.builds(admission.RecordLeft, identity=WHO, sid=SIDS),
)


@given(st.lists(FACTS, max_size=12))
def test_every_fact_told_twice_in_a_row_is_recorded_once(facts: list[admission.Command]) -> None:
    view = admitted()
    for told in facts:
        view, _ = apply(view, told)
        if not isinstance(told, admission.RecordLeft):
            assert decide(told, view) == []


@given(st.lists(FACTS, max_size=12))
def test_a_closed_session_takes_no_fact(facts: list[admission.Command]) -> None:
    view, _ = apply(ended(claimed(admitted())), admission.Close())
    for told in facts:
        assert decide(told, view) == []
