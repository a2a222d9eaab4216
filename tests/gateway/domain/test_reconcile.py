"""What a session needs next: every rule alone."""

import msgspec
import pytest
from tests.support.gateway_views import START_S, USER, admitted, claimed, ended, fold, joined

from contracts.events import session as events
from gateway.domain import reconcile
from gateway.domain.admission import RecordJoined, RecordLeft
from gateway.domain.reconcile import (
    Close,
    DeleteRoom,
    Dispatch,
    End,
    OpenRoom,
    Participant,
    Record,
    Remove,
    Room,
    Sight,
    Timers,
    decide,
)
from gateway.domain.view import GATEWAY_JOB, SessionView

pytestmark = pytest.mark.unit

TIMERS = Timers()
AGENT = Participant(identity="agent-AJ_1", sid="PA_agent", agent=True, epoch=1)
INTRUDER = Participant(identity="agent-AJ_9", sid="PA_intruder", agent=True)
PERSON = Participant(identity=USER, sid="PA_user")


def a_room(*participants: Participant, working: bool = False, after_s: float = 0) -> Room:
    return Room(exists=True, seen_s=START_S + after_s, participants=participants, working=working)


def no_room(*, missing_for_s: float = 0) -> Room:
    return Room(exists=False, seen_s=START_S, missing_for_s=missing_for_s)


def seen(room: Room | None, *, after_s: float = 0, pulse: reconcile.Pulse = "alive", **more: object) -> Sight:
    sight = Sight(now_s=START_S + after_s, room=room, pulse=pulse)
    return msgspec.structs.replace(sight, **more)


def actions(view: SessionView, sight: Sight) -> list[reconcile.Action]:
    """What follows, without the recording of facts, which has tests of its own."""
    return [action for action in decide(view, sight, TIMERS) if not isinstance(action, Record)]


def with_agent(view: SessionView) -> SessionView:
    there = events.ParticipantJoined(identity=AGENT.identity, participant_sid=AGENT.sid, kind="agent")
    return fold(view, there)


def a_call() -> SessionView:
    return with_agent(joined(claimed(admitted())))


def test_a_new_session_gets_its_room_and_its_dispatch_at_once() -> None:
    assert actions(admitted(), seen(no_room())) == [OpenRoom(), Dispatch(1)]


def test_a_session_that_dispatches_at_join_gets_its_room_alone() -> None:
    assert actions(admitted(dispatch="at_join"), seen(no_room())) == [OpenRoom()]


def test_a_session_that_dispatches_at_join_gets_its_dispatch_when_the_user_is_there() -> None:
    view = joined(admitted(dispatch="at_join"))

    assert actions(view, seen(a_room(PERSON))) == [Dispatch(1)]


def test_a_call_with_its_agent_and_its_user_needs_nothing() -> None:
    assert decide(a_call(), seen(a_room(AGENT, PERSON)), TIMERS) == []


def test_a_dispatch_that_no_worker_took_is_sent_again_after_two_seconds_with_the_same_epoch() -> None:
    view = joined(admitted())

    assert actions(view, seen(a_room(PERSON), after_s=1.9, dispatched_for_s=1.9)) == []
    assert actions(view, seen(a_room(PERSON), after_s=2, dispatched_for_s=2.0)) == [Dispatch(1)]


def test_a_dispatch_that_a_worker_took_is_given_more_time() -> None:
    view = joined(admitted())

    assert actions(view, seen(a_room(PERSON, working=True), after_s=9, dispatched_for_s=9.0)) == []
    assert actions(view, seen(a_room(PERSON, working=True), after_s=10, dispatched_for_s=10.0)) == [Dispatch(1)]


def test_a_job_that_died_before_its_claim_is_asked_for_again_at_once() -> None:
    view = joined(admitted())

    assert actions(view, seen(a_room(PERSON, working=True), dispatched_for_s=0.1, died_epoch=1)) == [Dispatch(1)]


def test_a_claimed_epoch_is_never_dispatched_again() -> None:
    assert actions(joined(claimed(admitted())), seen(a_room(PERSON), after_s=5)) == []


@pytest.mark.parametrize("epoch", [None, 1, 2])
def test_an_agent_that_is_not_the_one_that_claimed_is_put_out(epoch: int | None) -> None:
    intruder = msgspec.structs.replace(INTRUDER, epoch=epoch)

    assert actions(a_call(), seen(a_room(AGENT, PERSON, intruder))) == [Remove(INTRUDER.identity)]


def test_an_agent_in_a_room_whose_epoch_nobody_claimed_is_put_out() -> None:
    view = joined(admitted())

    assert actions(view, seen(a_room(PERSON, INTRUDER), dispatched_for_s=1.0)) == [Remove(INTRUDER.identity)]


def test_an_agent_is_known_by_the_claimed_epoch_where_its_identity_is_another() -> None:
    renamed = msgspec.structs.replace(AGENT, identity="agent-renamed")

    assert actions(a_call(), seen(a_room(renamed, PERSON))) == []


def test_nobody_within_the_join_timeout_is_a_no_show() -> None:
    assert actions(admitted(), seen(a_room(), after_s=59, dispatched_for_s=0.0)) == []
    assert actions(admitted(), seen(a_room(), after_s=60)) == [End("no_show")]


def test_a_living_job_may_end_a_no_show_by_itself_before_we_do() -> None:
    view = claimed(admitted(), at_s=START_S + 4)

    assert actions(view, seen(a_room(AGENT), after_s=68)) == []
    assert actions(view, seen(a_room(AGENT), after_s=69)) == [End("no_show")]


def test_a_user_of_whom_no_webhook_told_is_no_no_show() -> None:
    view = claimed(admitted())

    assert decide(view, seen(a_room(AGENT, PERSON), after_s=71), TIMERS) == [
        Record(RecordJoined(identity=AGENT.identity, sid=AGENT.sid, kind="agent")),
        Record(RecordJoined(identity=USER, sid=PERSON.sid, kind="user")),
    ]


def test_while_livekit_does_not_answer_a_no_show_waits_half_a_minute_more() -> None:
    assert actions(admitted(), seen(None, after_s=89)) == []
    assert actions(admitted(), seen(None, after_s=90)) == [End("no_show")]


def test_a_session_that_no_job_took_is_given_up_after_the_join_timeout() -> None:
    view = joined(admitted(), at_s=START_S + 10)

    assert End("job_lost", 1, "never_claimed") not in actions(view, seen(a_room(PERSON), after_s=69))
    assert actions(view, seen(a_room(PERSON), after_s=70)) == [End("job_lost", 1, "never_claimed")]


def test_a_user_who_came_and_went_before_any_job_left() -> None:
    view = fold(joined(admitted()), events.ParticipantLeft(identity=USER, participant_sid="PA_user", kind="user"))

    assert actions(fold(view, events.RoomFinished(room="ses_1")), seen(no_room(), after_s=40)) == [End("user_left")]


def test_a_reported_death_ends_the_session_after_its_ghost_is_out() -> None:
    assert actions(a_call(), seen(a_room(AGENT, PERSON), died_epoch=1)) == [
        Remove(AGENT.identity),
        End("job_lost", 1, "process_died"),
    ]


def test_a_reported_death_of_an_earlier_epoch_changes_nothing() -> None:
    view = fold(a_call(), events.SessionDispatched(epoch=2, room="ses_1"))
    view = claimed(view, epoch=2)
    second = Participant(identity="agent-AJ_2", sid="PA_2", agent=True, epoch=2)

    assert actions(view, seen(a_room(second, PERSON), died_epoch=1)) == []


def test_a_job_that_alone_is_silent_is_lost() -> None:
    assert actions(a_call(), seen(a_room(AGENT, PERSON), pulse="silent")) == [
        Remove(AGENT.identity),
        End("job_lost", 1, "heartbeat_silent"),
    ]


def test_a_silent_job_is_lost_also_while_livekit_does_not_answer() -> None:
    assert actions(a_call(), seen(None, pulse="silent")) == [
        Remove(AGENT.identity),
        End("job_lost", 1, "heartbeat_silent"),
    ]


def test_when_all_are_silent_an_agent_that_livekit_still_has_is_not_lost() -> None:
    assert actions(a_call(), seen(a_room(AGENT, PERSON), after_s=60, pulse="all_silent")) == []


def test_when_all_are_silent_an_agent_that_livekit_misses_too_is_lost() -> None:
    assert actions(a_call(), seen(a_room(PERSON), after_s=22, pulse="all_silent")) == [
        End("job_lost", 1, "heartbeat_silent")
    ]


def test_when_all_are_silent_a_job_that_has_just_claimed_may_be_connecting() -> None:
    assert actions(joined(claimed(admitted())), seen(a_room(PERSON), after_s=5, pulse="all_silent")) == []


def test_a_watcher_that_hears_nothing_loses_nobody() -> None:
    assert actions(a_call(), seen(a_room(PERSON), after_s=60, pulse="deaf")) == []


def test_a_room_that_is_gone_with_its_job_ends_the_session() -> None:
    for pulse in ("silent", "all_silent"):
        assert actions(a_call(), seen(no_room(), pulse=pulse)) == [End("room_gone", 1, "room_gone")]


def test_a_room_that_is_gone_while_its_job_lives_is_waited_for_a_minute() -> None:
    assert actions(a_call(), seen(no_room(missing_for_s=59))) == []
    assert actions(a_call(), seen(no_room(missing_for_s=60))) == [End("room_gone", 1, "room_gone")]


def test_an_end_that_stopped_halfway_is_carried_on() -> None:
    halfway = fold(
        a_call(), events.JobLost(epoch=1, cause="process_died"), events.SessionDispatched(epoch=2, room="ses_1")
    )

    assert actions(halfway, seen(a_room(PERSON))) == [End("job_lost", 1)]


def test_after_the_jobs_own_end_the_room_lingers_for_a_moment_and_goes() -> None:
    view = ended(a_call(), at_s=START_S + 10)

    assert actions(view, seen(a_room(AGENT, PERSON), after_s=11)) == []
    assert actions(view, seen(a_room(PERSON), after_s=12)) == [DeleteRoom()]


def test_after_our_own_end_the_room_goes_at_once() -> None:
    taken = events.JobClaimed(epoch=2, job_id=GATEWAY_JOB, worker_id="gw_1", participant="")
    view = ended(fold(a_call(), taken, writer="run"), reason="job_lost")

    assert actions(view, seen(a_room(PERSON))) == [DeleteRoom()]


def test_an_ended_session_closes_once_its_room_is_gone() -> None:
    assert actions(ended(a_call()), seen(no_room())) == [Close()]


def test_an_ended_session_does_not_close_while_nobody_knows_of_its_room() -> None:
    assert actions(ended(a_call()), seen(None)) == []


def test_a_closed_session_needs_nothing() -> None:
    closed = fold(ended(a_call()), events.SessionClosed(reason="user_left"))

    assert decide(closed, seen(a_room(AGENT, PERSON)), TIMERS) == []


def test_a_leave_that_no_webhook_told_is_recorded_once_the_logs_word_is_old_enough() -> None:
    view = a_call()

    assert decide(view, seen(a_room(AGENT, after_s=4)), TIMERS) == []
    assert decide(view, seen(a_room(AGENT, after_s=5)), TIMERS) == [Record(RecordLeft(identity=USER, sid="PA_user"))]


def test_somebody_who_left_by_the_log_is_not_joined_again_by_an_older_list() -> None:
    view = fold(a_call(), events.ParticipantLeft(identity=USER, participant_sid="PA_user", kind="user"))

    assert decide(view, seen(a_room(AGENT, PERSON)), TIMERS) == []


class TestRoomless:
    def test_it_waits_for_its_claim_and_gives_up_after_the_join_timeout(self) -> None:
        assert decide(admitted(), seen(None, after_s=59, roomless=True), TIMERS) == []
        assert decide(admitted(), seen(None, after_s=60, roomless=True), TIMERS) == [End("no_show")]

    def test_a_claimed_one_goes_on_without_anybody_in_a_room(self) -> None:
        assert decide(claimed(admitted()), seen(None, after_s=600, roomless=True), TIMERS) == []

    def test_a_silent_one_is_lost(self) -> None:
        view = claimed(admitted())

        assert decide(view, seen(None, roomless=True, pulse="silent"), TIMERS) == [
            End("job_lost", 1, "heartbeat_silent")
        ]

    def test_when_all_are_silent_it_is_lost_after_fifteen_seconds(self) -> None:
        view = claimed(admitted())
        silent = seen(None, roomless=True, pulse="all_silent", silent_for_s=14.0)

        assert decide(view, silent, TIMERS) == []
        assert decide(view, msgspec.structs.replace(silent, silent_for_s=15), TIMERS) == [
            End("job_lost", 1, "heartbeat_silent")
        ]

    def test_an_ended_one_closes_at_once(self) -> None:
        assert decide(ended(claimed(admitted())), seen(None, roomless=True), TIMERS) == [Close()]


def test_livekit_is_not_asked_about_a_call_that_goes_well() -> None:
    assert not reconcile.look_at_room(a_call(), seen(None, after_s=100))
    assert reconcile.look_at_room(a_call(), seen(None, pulse="silent"))
    assert reconcile.look_at_room(admitted(), seen(None))
    assert reconcile.look_at_room(ended(a_call()), seen(None))
    assert reconcile.look_at_room(claimed(admitted()), seen(None, after_s=60))
