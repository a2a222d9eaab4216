"""Which handoff wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.conditions import Condition
from contracts.ids import AgentId
from contracts.template_version import HandoffTarget
from runtime.domain.handoff import HandoffArbiter, TransferRefused

pytestmark = pytest.mark.unit

TRIAGE, EXPERT, OTHER = AgentId("triage"), AgentId("expert"), AgentId("other")


def ask(arbiter: HandoffArbiter, call: str, to: AgentId = EXPERT, *, now: float = 0.0) -> bool:
    try:
        arbiter.request(call_id=call, from_agent=TRIAGE, target=HandoffTarget(agent=to), now=now)
    except TransferRefused:
        return False
    return True


def test_the_first_of_a_batch_wins_and_the_others_are_refused() -> None:
    arbiter = HandoffArbiter()
    assert ask(arbiter, "a")
    with pytest.raises(TransferRefused, match="already in progress") as refused:
        arbiter.request(call_id="b", from_agent=TRIAGE, target=HandoffTarget(agent=OTHER), now=0)
    assert refused.value.why == "another_won"


def test_a_transfer_is_measured_from_the_tools_return_to_the_entry() -> None:
    arbiter = HandoffArbiter()
    ask(arbiter, "a", now=10.0)
    entered = arbiter.entered(EXPERT, now=10.016)
    assert entered is not None
    assert (entered.ms, entered.transfer.call_id) == (16, "a")


def test_an_agent_that_enters_without_a_transfer_completes_nothing() -> None:
    assert HandoffArbiter().entered(TRIAGE, now=0) is None


def test_a_transfer_that_an_interruption_cut_off_makes_room_for_the_next() -> None:
    arbiter = HandoffArbiter()
    ask(arbiter, "a")
    lost = arbiter.batch_done({"a", "b"}, handed_over=False)
    assert lost is not None
    assert lost.call_id == "a"
    assert ask(arbiter, "c")


def test_a_batch_that_handed_over_or_has_nothing_to_do_with_it_loses_nothing() -> None:
    arbiter = HandoffArbiter()
    ask(arbiter, "a")
    assert arbiter.batch_done({"a"}, handed_over=True) is None
    assert arbiter.batch_done({"x"}, handed_over=False) is None


def test_once_control_is_passing_nothing_can_be_lost_any_more() -> None:
    arbiter = HandoffArbiter()
    ask(arbiter, "a")
    arbiter.batch_done({"a"}, handed_over=True)
    assert arbiter.batch_done({"a"}, handed_over=False) is None
    assert arbiter.entered(EXPERT, now=1.0) is not None


def test_nothing_is_granted_once_the_session_ends() -> None:
    arbiter = HandoffArbiter()
    ask(arbiter, "a")
    cut = arbiter.end()
    assert cut is not None
    assert not ask(arbiter, "b")
    assert arbiter.end() is None


def test_a_transfer_to_oneself_is_not_allowed() -> None:
    with pytest.raises(TransferRefused, match="may not transfer"):
        HandoffArbiter().request(call_id="a", from_agent=TRIAGE, target=HandoffTarget(agent=TRIAGE), now=0)


def test_a_guard_that_does_not_hold_refuses_in_words_and_leaves_the_way_free() -> None:
    arbiter = HandoffArbiter()
    guarded = HandoffTarget(agent=EXPERT, guard=Condition(flag="verified", equals=True))
    known: dict[str, object] = {"flags.verified": False}
    with pytest.raises(TransferRefused, match=r"not possible yet: it needs that flags\.verified is true") as refused:
        arbiter.request(call_id="a", from_agent=TRIAGE, target=guarded, now=0, values=lambda: known)
    assert refused.value.why == "guard"
    assert ask(arbiter, "b", OTHER)
    arbiter.entered(OTHER, now=1.0)
    known["flags.verified"] = True
    assert arbiter.request(call_id="c", from_agent=TRIAGE, target=guarded, now=2.0, values=lambda: known)


@given(st.lists(st.sampled_from(["ask", "done", "enter"]), max_size=30))
def test_at_most_one_transfer_is_under_way_whatever_happens(steps: list[str]) -> None:
    arbiter, granted, settled = HandoffArbiter(), 0, 0
    for number, step in enumerate(steps):
        match step:
            case "ask":
                granted += ask(arbiter, f"c{number}")
            case "done":
                calls = {f"c{earlier}" for earlier in range(number)}
                settled += arbiter.batch_done(calls, handed_over=False) is not None
            case _:
                settled += arbiter.entered(EXPERT, now=1.0) is not None
        assert granted - settled in (0, 1)
        assert (arbiter.under_way is not None) == (granted - settled == 1)
