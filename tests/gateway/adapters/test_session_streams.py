"""A session's streams, on the log in memory: who wins, and what the loser then reads."""

import pytest
from tests.support.gateway_views import CUSTOMER, SESSION, FixedClock, a_request, nothing_yet

from chassis.event_log import RevisionConflict
from chassis.memory.event_log import MemoryEventLog
from chassis.sealing import new_key
from contracts.events.session import SessionEnded, UserPersonal
from contracts.ids import KeyId
from gateway.adapters.session_streams import SessionStreams
from gateway.domain import admission
from gateway.domain.view import SessionView

pytestmark = pytest.mark.unit


@pytest.fixture
def streams() -> SessionStreams:
    return SessionStreams(event_log=MemoryEventLog(), clock=FixedClock(), source="test", instance="gw_1")


async def admit(streams: SessionStreams) -> SessionView:
    origin = streams.origin(CUSTOMER, SESSION, livemode=False, keyid=KeyId("dk_1"))
    command = admission.Request(requested=a_request(), token_ttl_s=600)
    view, _ = await streams.admit(
        nothing_yet(), command, personal=UserPersonal(name="Anna"), origin=origin, key=new_key(), actor="key_1"
    )
    return view


async def test_a_view_that_was_made_is_the_view_that_is_read(streams: SessionStreams) -> None:
    made = await admit(streams)
    read = await streams.load(CUSTOMER, SESSION)

    assert (read.admission_n, read.epoch, read.keyid) == (made.admission_n, made.epoch, made.keyid) == (3, 1, "dk_1")
    assert read.state == made.state


async def test_a_start_whose_slot_was_reclaimed_loses(streams: SessionStreams) -> None:
    assert await streams.refuse_expired(CUSTOMER, SESSION)

    with pytest.raises(RevisionConflict):
        await admit(streams)
    assert (await streams.load(CUSTOMER, SESSION)).state.admission.refused == "expired"


async def test_a_session_that_was_admitted_is_not_refused(streams: SessionStreams) -> None:
    await admit(streams)

    assert not await streams.refuse_expired(CUSTOMER, SESSION)
    assert (await streams.load(CUSTOMER, SESSION)).state.status == "waiting"


async def test_an_end_on_an_old_view_is_a_conflict_and_appends_nothing(streams: SessionStreams) -> None:
    view = await admit(streams)
    old = view
    view, _ = await streams.append(view, admission.AllocateEpoch(after=1))
    await streams.append_end(view, SessionEnded(reason="no_show"))

    with pytest.raises(RevisionConflict):
        await streams.append(old, admission.AllocateEpoch(after=1))
    with pytest.raises(RevisionConflict):
        await streams.append_end(view, SessionEnded(reason="job_lost"))
    assert (await streams.load(CUSTOMER, SESSION)).state.run.end == "no_show"


async def test_commands_of_one_decision_are_one_commit_with_gapless_numbers(streams: SessionStreams) -> None:
    view = await admit(streams)
    lost = admission.DeclareLost(epoch=1, cause="process_died")
    view, position = await streams.append(view, lost, admission.AllocateEpoch(after=1))

    assert position is not None
    assert position.index == 1
    assert (view.admission_n, view.epoch, view.state.admission.lost_epoch) == (5, 2, 1)


async def test_a_command_with_nothing_to_add_appends_nothing(streams: SessionStreams) -> None:
    view = await admit(streams)
    _, position = await streams.append(view, admission.AllocateEpoch(after=0))

    assert position is None


async def test_a_decision_is_made_again_on_what_the_winner_left(streams: SessionStreams) -> None:
    await admit(streams)
    for _ in range(2):
        view, _ = await streams.decide(CUSTOMER, SESSION, admission.AllocateEpoch(after=1))

    assert view.epoch == 2
