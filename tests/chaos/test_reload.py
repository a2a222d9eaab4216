"""A participant reloads the page, or leaves for good."""

import pytest
from tests.support.invariants import assert_invariants
from tests.support.live_calls import EPOCH, Call, a_call, a_customer, model_requests, until_no_slot_is_taken
from tests.support.log_watch import LogWatch, watching
from tests.support.stack import Stack
from tests.support.until import until

from contracts.registry import decode_data
from contracts.template_version import Limits

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-calls")]

CODE = "print('hello')\n"


async def test_a_reload_finds_the_same_agent_with_its_history_and_the_panels(stack: Stack) -> None:
    live = await a_customer(stack.ready, stack.data, "reloader", max_sessions=2, limits=Limits(grace_s=20))
    watch = LogWatch()
    async with watching(live.nats_url, watch), a_call(live) as call:
        async with call.joined() as page:
            await watch.until_seen(call.session, "turn.agent_said")
            await call.type("What can you do?")
            await watch.until_seen(call.session, "turn.agent_said", times=2)
            await call.open_editor()
            call.edit(CODE)
            await until(lambda: page.panels.unacked == 0, what="the edit is acknowledged")
            (agent,) = call.agents()
            identity = page.room.local_participant.identity
        await watch.until_seen(call.session, "session.user_away")
        asked = len(model_requests(live)[-1].roles)
        async with call.joined(await call.fresh_token()) as page:
            await watch.until_seen(call.session, "session.user_returned")
            assert page.room.local_participant.identity == identity
            await until(lambda: len(call.agents()) == 1, what="the agent is there")
            (again,) = call.agents()
            assert (again.identity, again.attributes[EPOCH]) == (agent.identity, "1")
            await page.sync()
            assert page.panels.panels["coding_ide"].state["code"] == CODE
            call.edit(CODE + CODE)
            await until(lambda: page.panels.unacked == 0, what="editing goes on after the reload")
            await _answered_with_history(call, watch, asked)
            await call.type("Goodbye.")
            await watch.until_seen(call.session, "session.ended")
    types = watch.types(call.session)
    assert [types.count(f"session.{one}") for one in ("started", "user_away", "user_returned")] == [1, 1, 1]
    assert types.count("panel.changed") >= 2
    await assert_invariants(live, stack.data, call.session, seen=watch.commits.values())


async def _answered_with_history(call: Call, watch: LogWatch, asked: int) -> None:
    """Nobody greets a second time, and the model is given what was said before the reload."""
    before = watch.types(call.session).count("turn.agent_said")
    requests = len(model_requests(call.live))
    await call.type("Are you still there?")
    await watch.until_seen(call.session, "turn.agent_said", times=before + 1)
    assert before == 2
    (request,) = model_requests(call.live)[requests:]
    assert request.roles.count("user") == 2
    assert len(request.roles) > asked


async def test_who_stays_away_beyond_the_grace_ends_the_session_and_gives_the_slot_back(stack: Stack) -> None:
    live = await a_customer(stack.ready, stack.data, "leaver", max_sessions=1, limits=Limits(grace_s=1))
    watch = LogWatch()
    async with watching(live.nats_url, watch), a_call(live) as call:
        async with call.joined():
            await watch.until_seen(call.session, "turn.agent_said")
        await watch.until_seen(call.session, "session.ended")
        await call.api.until_status(call.session, "closed", timeout_s=20)
        assert decode_data(watch.events(call.session)[-1]).reason == "user_left"  # type: ignore[attr-defined]
        await assert_invariants(live, stack.data, call.session, seen=watch.commits.values())
        await until_no_slot_is_taken(live, "leaver")
        async with a_call(live) as following:
            await following.api.post(f"/api/session/{following.session}/end", {})
