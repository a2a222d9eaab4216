"""What passes over a handoff, and what stops one: summaries, arguments, guards; and what goes along with a turn."""

import asyncio
from typing import Any

import msgspec
import pytest
from livekit.agents import APIError, llm
from livekit.agents.llm import ChatContext
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from tests.support.runtime_calls import ACall, a_call
from tests.support.runtime_sessions import CODING_IDE, a_version
from tests.support.scripted_models import Reply, ScriptedModels, call
from tests.support.until import until

from contracts.conditions import Condition
from contracts.events.handoff import HandoffCompleted, HandoffReason, HandoffRefused, HandoffSummary
from contracts.events.usage import LlmUsed
from contracts.template_version import LlmChoice, TemplateVersion
from contracts.variables import Declaration
from runtime.domain.briefing import SUMMARISE

pytestmark = pytest.mark.unit

TRANSFER = "transfer_to_coding_expert"


def with_edge(**changes: Any) -> TemplateVersion:
    """Triage and its expert, with another edge between them."""
    version = a_version()
    triage, expert = version.agents
    target = msgspec.structs.replace(triage.definition.handoff_targets[0], **changes)
    tools = [*triage.definition.tools, "set_flag"]
    definition = msgspec.structs.replace(triage.definition, handoff_targets=[target], tools=tools)
    draft = msgspec.structs.replace(version.draft, flags={"verified": Declaration(type="boolean")})
    agents = [msgspec.structs.replace(triage, definition=definition), expert]
    return msgspec.structs.replace(version, draft=draft, agents=agents)


class Heard:
    """A script: triage transfers with these arguments, and what the expert is given is kept."""

    def __init__(self, summary: Reply = "Ada wants to sort a list.", **arguments: object) -> None:
        self.summary, self.arguments = summary, {"reason": "r", **arguments}
        self.expert: list[tuple[str, str]] = []

    def __call__(self, context: ChatContext, tools: list[str]) -> Reply:
        if is_summary(context):
            return self.summary
        if TRANSFER in tools:
            return [call(TRANSFER, msgspec.json.encode(self.arguments).decode(), id=f"t{len(context.items)}")]
        self.expert = texts(context)
        return "I am the expert."

    def was_told(self, words: str) -> bool:
        """Whether some message to the expert held these words."""
        return any(words in text for _, text in self.expert)


def is_summary(context: ChatContext) -> bool:
    return (SUMMARISE, "system") in [(text, role) for role, text in texts(context)]


def texts(context: ChatContext) -> list[tuple[str, str]]:
    return [(item.role, item.text_content or "") for item in context.messages()]


async def test_a_summary_by_the_leaving_agent_takes_the_place_of_the_words_and_is_paid_for() -> None:
    heard = Heard()
    async with a_call(heard, version=with_edge(policy="summary")) as running:
        await running.talk.say("remember the word zebra")
        await running.talk.say("which word?")
        ((completed, told),) = await running.facts("handoff.completed")
        used = [data for data, _ in await running.facts("usage.llm") if isinstance(data, LlmUsed)]
    assert heard.was_told("Ada wants to sort a list.")
    assert not heard.was_told("zebra")
    assert isinstance(completed, HandoffCompleted)
    assert (completed.policy, told) == ("summary", HandoffSummary(summary="Ada wants to sort a list."))
    assert [one.agent for one in used] == ["triage", "triage", "coding_expert"], "the transfer, its summary, a reply"


async def test_a_summary_that_fails_leaves_the_last_messages_and_nobody_apologises() -> None:
    heard = Heard(summary=APIError("broken", retryable=False))
    async with a_call(heard, version=with_edge(policy="summary", last_n=1)) as running:
        await running.talk.say("remember the word zebra")
        await running.talk.say("which word?")
        ((_, told),) = await running.facts("handoff.completed")
        assert not any("sorry" in said for said in running.talk.said)
    assert told == HandoffSummary()
    assert heard.was_told("zebra")
    assert not heard.was_told("Hello, this is triage"), "the last message only"


class SlowSummaries(ScriptedModels):
    """The model never comes to an end of a summary."""

    def llm(self, choice: LlmChoice) -> llm.LLM[Any]:
        """The scripted model, but for summaries, which are the only ones to ask for few tokens."""
        return _Slow(self) if choice.max_output_tokens else super().llm(choice)


class _Slow(llm.LLM[Any]):
    def __init__(self, models: ScriptedModels) -> None:
        super().__init__()
        self.models = models

    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_more: Any,
    ) -> llm.LLMStream:
        return _Endless(self, chat_ctx=chat_ctx, tools=[], conn_options=conn_options)


class _Endless(llm.LLMStream):
    async def _run(self) -> None:
        await asyncio.Event().wait()


async def test_a_summary_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.adapters.summaries.SUMMARY_S", 0.05)
    heard = Heard()
    models = SlowSummaries(heard)
    async with a_call(heard, version=with_edge(policy="summary", last_n=1), models=models) as running:
        await running.talk.say("remember the word zebra")
        await running.talk.say("which word?")
    assert heard.was_told("zebra")


async def test_a_session_that_ends_while_a_summary_is_made_hands_nothing_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.adapters.summaries.SUMMARY_S", 0.3)
    heard = Heard()
    models = SlowSummaries(heard)
    async with a_call(heard, version=with_edge(policy="summary"), models=models) as running:
        running.talk.conversation.session.generate_reply(user_input="go on")
        await until(lambda: _has(running, "handoff.requested"), what="the transfer is granted")
        running.talk.conversation.end("operator_ended")
        await running.talk.wait_ended()
        assert await running.facts("handoff.completed") == []
        ((refused, _),) = await running.facts("handoff.refused")
    assert isinstance(refused, HandoffRefused)
    assert refused.why == "session_ending"
    assert heard.expert == []


async def _has(running: ACall, type: str) -> bool:
    return bool(await running.facts(type))


SCHEMA = {
    "type": "object",
    "properties": {"topic": {"$ref": "#/$defs/topic"}},
    "required": ["topic"],
    "additionalProperties": False,
    "$defs": {"topic": {"type": "string", "enum": ["loops", "types"]}},
}


async def test_the_arguments_of_an_edge_reach_the_next_agent_and_the_record_sealed() -> None:
    heard = Heard(topic="loops")
    async with a_call(heard, version=with_edge(policy="none", arguments=SCHEMA)) as running:
        await running.talk.say("remember the word zebra")
        await running.talk.say("go on")
        ((_, reason),) = await running.facts("handoff.requested")
        ((_, told),) = await running.facts("handoff.completed")
        assert all(b"loops" not in bytes(event.data) for event in await running.events())
    assert reason == HandoffReason(reason="r", arguments='{"topic":"loops"}')
    assert told == HandoffSummary(arguments='{"topic":"loops"}')
    assert heard.was_told('{"topic":"loops"}')
    assert not heard.was_told("zebra")


async def test_arguments_that_the_edge_does_not_take_hand_nothing_over() -> None:
    heard = Heard(topic="sorting")
    async with a_call(heard, version=with_edge(arguments=SCHEMA)) as running:
        await running.talk.say("go on")
        assert {data.code for data, _ in await running.facts("tool.failed")} == {"invalid_arguments"}  # type: ignore[attr-defined]
        assert await running.facts("handoff.requested") == []
    assert heard.expert == []


async def test_a_guarded_edge_opens_once_a_flag_is_set() -> None:
    outputs: list[str] = []

    def script(context: ChatContext, tools: list[str]) -> Reply:
        if TRANSFER not in tools:
            return "I am the expert."
        answers = [item.output for item in context.items if item.type == "function_call_output"]
        outputs[:] = answers
        steps = [(TRANSFER, '{"reason": "r"}'), ("set_flag", '{"flag": "verified", "value": true}')]
        name, arguments = [*steps, steps[0]][min(len(answers), 2)]
        return [call(name, arguments, id=f"c{len(answers)}")]

    guard = Condition(flag="verified", equals=True)
    async with a_call(script, version=with_edge(guard=guard)) as running:
        await running.talk.say("let me in")
        ((refused, _),) = await running.facts("handoff.refused")
        ((completed, _),) = await running.facts("handoff.completed")
        ((changed, values),) = await running.facts("context.changed")
        assert running.talk.conversation.context.flags == {"verified": True}
    assert isinstance(refused, HandoffRefused)
    assert refused.why == "guard"
    assert isinstance(completed, HandoffCompleted)
    assert "needs that flags.verified is true" in outputs[0]
    assert msgspec.to_builtins(changed) == {"area": "flags", "key": "verified", "by": "triage"}
    assert msgspec.json.decode(msgspec.json.encode(values)) == {"before": False, "after": True}


async def test_a_flag_takes_values_of_its_type_only() -> None:
    def script(context: ChatContext, _tools: list[str]) -> Reply:
        asked = any(item.type == "function_call" for item in context.items)
        return "Done." if asked else [call("set_flag", '{"flag": "verified", "value": 1}')]

    async with a_call(script, version=with_edge()) as running:
        await running.talk.say("set it")
        assert await running.facts("context.changed") == []
        assert len(await running.facts("tool.failed")) == 1


async def test_an_attached_panel_goes_with_a_turn_and_is_kept_in_no_history() -> None:
    requests: list[list[tuple[str, str]]] = []

    def script(context: ChatContext, _tools: list[str]) -> Reply:
        requests.append(texts(context))
        opened = any(item.type == "function_call" for item in context.items)
        return "Done." if opened else [call("open_coding_ide", '{"language": "python", "initial_code": "zebra"}')]

    version = a_version()
    triage, expert = version.agents
    attached = msgspec.structs.replace(expert.definition, panel_attach={CODING_IDE: "on_change"})
    draft = msgspec.structs.replace(version.draft, initial_agent=expert.id)
    agents = [triage, msgspec.structs.replace(expert, definition=attached)]
    version = msgspec.structs.replace(version, draft=draft, agents=agents)
    async with a_call(script, version=version) as running:
        for words in ("open it", "look", "and now?"):
            await running.talk.say(words)
        history = running.talk.conversation.session.current_agent.chat_ctx
        assert not any("zebra" in text for _, text in texts(history))
    told = [next((text for role, text in request if role == "user" and "zebra" in text), "") for request in requests]
    assert [bool(text) for text in told] == [False, False, True, False]
    assert [text for _, text in requests[2]][-2:] == [told[2], "look"], "before the participant's words"
