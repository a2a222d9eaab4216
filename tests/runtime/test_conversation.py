"""The life of a session, without a room: tools, commands from outside, limits, absence, the end, and being fenced."""

import asyncio
from typing import Any

import msgspec
import pytest
from livekit.agents import APIError
from livekit.agents.llm import ChatContext
from tests.support.runtime_calls import ACall, a_call, run_events
from tests.support.runtime_sessions import PanelPage, a_version
from tests.support.scripted_models import Reply, call
from tests.support.until import until

from chassis.event_log import LogFault
from chassis.memory.event_log import MemoryEventLog
from contracts.commands.live import CommandPanel, End, LiveCommand, LiveDone, LiveRefused, LiveRequest, Say
from contracts.events.context import ContextChanged
from contracts.events.handoff import HandoffCompleted, HandoffRefused
from contracts.events.session import JobClaimed, LimitReached, SessionEnded, SessionFailed, UserAway, UserReturned
from contracts.events.tool import ToolFailed
from contracts.ids import CustomerId, PanelId
from contracts.registry import EventData
from contracts.subjects import Log
from contracts.template_version import Limits, TemplateVersion

pytestmark = pytest.mark.unit


def says(text: str) -> Any:
    return lambda _context, _tools: text


def once(*calls: tuple[str, str]) -> Any:
    """These calls, one batch a turn of the participant; a text after each."""

    def script(context: ChatContext, tools: list[str]) -> Reply:
        last = context.items[-1]
        turn = sum(item.type == "message" and item.role == "user" for item in context.items)
        if last.type != "message" or last.role != "user" or turn > len(calls):
            return "Done."
        name, arguments = calls[turn - 1]
        return [call(name, arguments, id=f"call_{turn}")] if name in tools else "I cannot."

    return script


async def data_of(running: ACall, type: str) -> list[EventData]:
    return [data for data, _ in await running.facts(type)]


# Tools


async def test_arguments_that_break_the_schema_never_reach_the_tool() -> None:
    async with a_call(once(("log_observation", '{"text": 7}'))) as running:
        await running.talk.say("note it")
        (failed,) = await data_of(running, "tool.failed")
        assert isinstance(failed, ToolFailed)
        assert failed.code == "invalid_arguments"
        assert await data_of(running, "context.changed") == []


async def test_an_observation_is_recorded_sealed_and_shared() -> None:
    async with a_call(once(("log_observation", '{"text": "uses vim"}'))) as running:
        await running.talk.say("note it")
        ((data, personal),) = await running.facts("context.changed")
        assert isinstance(data, ContextChanged)
        assert data.area == "observations"
        assert "uses vim" in msgspec.json.encode(personal).decode()
        assert running.talk.conversation.context.observations == ["uses vim"]


class StuckLog(MemoryEventLog):
    """Takes nothing while `stuck`."""

    stuck = False

    async def append_bytes(self, log: Log, subject: str, payload: bytes, *, message_id: str, expected: int) -> int:
        if self.stuck:
            raise LogFault("out of reach")
        return await super().append_bytes(log, subject, payload, message_id=message_id, expected=expected)


async def test_a_tool_with_side_effects_does_not_act_before_the_log_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.tools.execution.ACK_S", 0.05)
    log, version = StuckLog(), a_version()
    expert = msgspec.structs.replace(version.draft, initial_agent=version.agents[1].id)
    version = msgspec.structs.replace(version, draft=expert)
    async with a_call(once(("open_coding_ide", '{"language": "python"}')), log=log, version=version) as running:
        log.stuck = True
        await running.talk.say("open it")
        assert running.page.calls == []
        log.stuck = False
        await until(lambda: _has(running, "tool.failed"))
        (failed,) = await data_of(running, "tool.failed")
        assert isinstance(failed, ToolFailed)
        assert failed.code == "not_executed"


async def _has(running: ACall, type: str) -> bool:
    return bool(await data_of(running, type))


async def test_a_model_that_fails_for_good_is_not_met_with_silence() -> None:
    def script(_context: ChatContext, _tools: list[str]) -> Reply:
        return APIError("broken", retryable=False)

    async with a_call(script) as running:
        await running.talk.say("hello?")
        await until(lambda: running.talk.said[-1].startswith("I am sorry"))


# Handoffs


async def test_an_interruption_that_cuts_a_batch_short_lets_the_next_transfer_win(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("livekit.agents.voice.speech_handle.INTERRUPTION_TIMEOUT", 0.1)
    page, version = HangingPage(), with_editor_for_triage()
    async with a_call(transfers_with_editor, version=version, page=page) as running:
        session = running.talk.conversation.session
        session.generate_reply(user_input="first")
        await until(lambda: page.hanging, what="the page is asked")
        await session.interrupt()
        await until(lambda: _has(running, "handoff.refused"), what="the handoff failed")
        (refused,) = await data_of(running, "handoff.refused")
        assert isinstance(refused, HandoffRefused)
        assert refused.why == "failed"
        page.go_on.set()
        await running.talk.say("second")
        (completed,) = await data_of(running, "handoff.completed")
        assert isinstance(completed, HandoffCompleted)
        assert completed.call_id == "transfer_2"
        assert session.current_agent.id == "coding_expert"


async def test_an_interruption_that_comes_too_late_to_stop_a_handoff_does_not_stop_it() -> None:
    page, version = HangingPage(), with_editor_for_triage()
    async with a_call(transfers_with_editor, version=version, page=page) as running:
        session = running.talk.conversation.session
        session.generate_reply(user_input="first")
        await until(lambda: page.hanging, what="the page is asked")
        interrupting = session.interrupt()
        page.go_on.set()
        await interrupting
        await until(lambda: _has(running, "handoff.completed"), what="the handoff")
        assert await data_of(running, "handoff.refused") == []


def with_editor_for_triage() -> TemplateVersion:
    version = a_version()
    triage, expert = version.agents
    both = msgspec.structs.replace(triage.definition, panels=[PanelId("coding_ide")])
    return msgspec.structs.replace(version, agents=[msgspec.structs.replace(triage, definition=both), expert])


def transfers_with_editor(context: ChatContext, tools: list[str]) -> Reply:
    """Triage transfers, in its first turn together with a call that takes long."""
    turn = sum(item.type == "message" and item.role == "user" for item in context.items)
    if "transfer_to_coding_expert" not in tools:
        return "I am the expert."
    transfer = call("transfer_to_coding_expert", '{"reason": "r"}', id=f"transfer_{turn}")
    return [transfer, call("open_coding_ide", '{"language": "python"}')] if turn == 1 else [transfer]


class HangingPage(PanelPage):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.hanging = False
        self.go_on = asyncio.Event()

    async def __call__(self, method: str, payload: bytes) -> bytes:
        self.hanging = True
        await self.go_on.wait()
        return await super().__call__(method, payload)


@pytest.mark.parametrize(("policy", "knows"), [("full", True), ("none", False)])
async def test_the_next_agent_knows_what_the_policy_lets_through(policy: str, knows: bool) -> None:
    seen: list[str] = []

    def script(context: ChatContext, tools: list[str]) -> Reply:
        if "transfer_to_coding_expert" in tools:
            return [call("transfer_to_coding_expert", '{"reason": "r"}')]
        seen.extend(str(item.text_content) for item in context.items if item.type == "message")
        return "I am the expert."

    version = a_version()
    triage, expert = version.agents
    target = msgspec.structs.replace(triage.definition.handoff_targets[0], policy=policy)
    definition = msgspec.structs.replace(triage.definition, handoff_targets=[target])
    version = msgspec.structs.replace(version, agents=[msgspec.structs.replace(triage, definition=definition), expert])
    async with a_call(script, version=version) as running:
        await running.talk.say("remember the word zebra")
        await running.talk.say("which word?")
    assert any("zebra" in text for text in seen) is knows
    assert any("coding expert" in text for text in seen)
    assert not any("You are triage" in text for text in seen)


# Commands from outside


async def ask(running: ACall, command: LiveCommand, *, customer: CustomerId | None = None) -> Any:
    request = LiveRequest(customer=customer or running.session.metadata.customer, actor="key_1", command=command)
    return await running.talk.conversation.live(request)


async def test_another_customers_command_is_refused() -> None:
    async with a_call(says("Hm.")) as running:
        answer = await ask(running, End(), customer=CustomerId("cus_other"))
        assert isinstance(answer, LiveRefused)
        assert answer.code == "not_allowed"
        assert not running.talk.conversation.ending


async def test_the_agent_says_what_it_is_told_to() -> None:
    async with a_call(says("Hm.")) as running:
        assert await ask(running, Say(text="One minute left.")) == LiveDone()
        await until(lambda: "One minute left." in running.talk.said)


async def test_the_api_commands_a_panel_once_per_op_id() -> None:
    async with a_call(says("Hm.")) as running:
        opening = CommandPanel(
            op_id="op_1", panel=PanelId("coding_ide"), action="open", args=msgspec.Raw(b'{"language": "python"}')
        )
        assert await ask(running, opening) == LiveDone(rev=1)
        assert await ask(running, opening) == LiveDone(rev=1)
        assert len(running.page.calls) == 1
        stale = CommandPanel(
            op_id="op_2", panel=PanelId("coding_ide"), action="set_code", args=msgspec.Raw(b'{"code": "x"}'), base_rev=7
        )
        answer = await ask(running, stale)
        assert isinstance(answer, LiveRefused)
        assert answer.code == "stale_rev"
        unknown = CommandPanel(op_id="op_3", panel=PanelId("slides"), action="open")
        assert isinstance(await ask(running, unknown), LiveRefused)


async def test_an_operator_ends_the_session_politely_and_nothing_is_taken_after() -> None:
    async with a_call(says("Hm.")) as running:
        assert await ask(running, End()) == LiveDone()
        await running.talk.wait_ended()
        answer = await ask(running, Say(text="too late"))
        assert isinstance(answer, LiveRefused)
        assert "goodbye" in running.talk.said[-1]
    events = await running.events()
    assert events[-1].type == "session.ended"
    (ended,) = await data_of(running, "session.ended")
    assert isinstance(ended, SessionEnded)
    assert ended.reason == "operator_ended"


# Limits and absence


async def test_the_time_limit_ends_the_session_with_a_word() -> None:
    async with a_call(says("Hm."), version=a_version(limits=Limits(max_duration_s=0))) as running:
        await running.talk.wait_ended()
    (reached,) = await data_of(running, "session.limit_reached")
    assert reached == LimitReached(limit="duration", value=0)
    (ended,) = await data_of(running, "session.ended")
    assert isinstance(ended, SessionEnded)
    assert ended.reason == "limit_reached"


async def test_who_leaves_and_does_not_return_ends_the_session() -> None:
    async with a_call(says("Hm."), version=a_version(limits=Limits(grace_s=0))) as running:
        running.surface.leave()
        await running.talk.wait_ended()
    assert await data_of(running, "session.user_away") == [UserAway(cause="left")]
    (ended,) = await data_of(running, "session.ended")
    assert isinstance(ended, SessionEnded)
    assert ended.reason == "user_left"


async def test_who_returns_within_the_grace_finds_the_same_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.domain.grace.BLINK_S", 0.01)
    async with a_call(says("Still here.")) as running:
        running.surface.leave()
        await until(lambda: _has(running, "session.user_away"))
        running.surface.return_()
        assert await running.talk.say("hello?") == ["Still here."]
        ((returned),) = await data_of(running, "session.user_returned")
        assert isinstance(returned, UserReturned)
    assert running.talk.said.count("Hello, this is triage. How can I help you today?") == 1


# The end


async def test_an_agent_ends_the_session_after_its_goodbye() -> None:
    async with a_call(once(("end_session", '{"reason": "bye"}'))) as running:
        await running.talk.say("bye")
        await running.talk.wait_ended()
        assert running.talk.said[-1] == "Done."
    (ended,) = await data_of(running, "session.ended")
    assert isinstance(ended, SessionEnded)
    assert ended.reason == "agent_ended"


async def test_another_job_with_the_session_silences_this_one_at_once() -> None:
    async with a_call(says("I should not say this.")) as running:
        await until(lambda: _has(running, "turn.agent_said"))
        last = await running.log.last(Log.SESSIONS, running.session.run_subject)
        assert last is not None
        before = len(await running.events())
        await _steal(running, last.sequence, before)
        running.talk.conversation.context.observations.append("something to record")
        await running.talk.say("are you there?")
        await running.talk.wait_ended()
    events = await run_events(running.log, running.session)
    assert len(events) == before + 1
    assert events[-1].epoch == 2


async def _steal(running: ACall, revision: int, n: int) -> None:
    from chassis.clock import SystemClock
    from chassis.recording import Recorder
    from runtime.claim import origin_of

    metadata = running.session.metadata
    stamp = Recorder(origin=origin_of(metadata, source="test"), clock=SystemClock(), last_n=n, epoch=2)
    claimed = stamp.record(JobClaimed(epoch=2, job_id="j2", worker_id="w2", participant="p2"))
    await running.log.append(Log.SESSIONS, running.session.run_subject, [claimed], expected=revision)


async def test_a_session_whose_models_cannot_be_made_fails_by_name() -> None:
    async with a_call(says("Hm.")) as running:
        running.talk.conversation.fail("provider_failed", "llm")
        await running.talk.wait_ended()
    assert (await running.events())[-1].type == "session.failed"
    (failed,) = await data_of(running, "session.failed")
    assert failed == SessionFailed(code="provider_failed", component="llm")
