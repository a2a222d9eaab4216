"""`transfer_to_<agent>`: one tool per handoff target of an agent, and at most one winner among their calls."""

from collections.abc import Callable
from typing import Any

import msgspec
from livekit.agents import Agent
from msgspec import UNSET

from chassis.clock import Clock
from contracts.conditions import Values
from contracts.events.handoff import HandoffReason, HandoffRefused, HandoffRequested
from contracts.ids import AgentId
from contracts.panels.checks import HANDOFF_PREFIX
from contracts.panels.kind import Schema
from contracts.template_version import REASON, HandoffTarget
from runtime.adapters.recorder import SessionRecorder
from runtime.adapters.summaries import Summaries
from runtime.domain.briefing import Briefing
from runtime.domain.handoff import Granted, HandoffArbiter, RefusedWhy, TransferRefused
from runtime.tools.execution import Call, Outcome, Tool, ToolRefused

_REASON: Schema = {"type": "string", "maxLength": 2000, "description": "Why, in a sentence."}

Build = Callable[[AgentId, Agent, Briefing], Agent]
"""Makes an agent that takes over from another, and tells it what it must know."""


class Transfers:
    """The transfer tools of one session; they share one arbiter. `values`: what guards look at."""

    def __init__(
        self,
        *,
        arbiter: HandoffArbiter,
        recorder: SessionRecorder,
        clock: Clock,
        summaries: Summaries,
        values: Callable[[], Values],
    ) -> None:
        self._arbiter, self._recorder, self._clock = arbiter, recorder, clock
        self._summaries, self._values = summaries, values

    def tool(self, target: HandoffTarget, *, target_name: str, build: Build) -> Tool:
        """The tool that hands the conversation to `target`."""

        async def run(call: Call) -> Outcome:
            # Nothing is awaited before the arbiter was asked, nor after it for any policy but `summary`.
            self._request(call, target)
            before = call.context.session.current_agent
            summary = await self._summary(call, before) if target.policy == "summary" else ""
            agent = build(target.agent, before, Briefing(summary=summary, arguments=_arguments(target, call)))
            return Outcome(result={"transferred_to": target.agent}, agent=agent)

        return Tool(
            name=f"{HANDOFF_PREFIX}{target.agent}",
            description=target.description or f"Hands the conversation to {target_name}, who takes over at once.",
            parameters=_parameters(target),
            run=run,
        )

    def lost(self, transfer: Granted | None, why: RefusedWhy) -> None:
        """Record that a granted transfer, if any, will not happen."""
        if transfer is not None:
            self._record_refusal(transfer.call_id, transfer.from_agent, transfer.to_agent, why)

    async def _summary(self, call: Call, before: Agent) -> str:
        """Raises ToolRefused where the transfer was lost meanwhile: the participant may interrupt, or leave."""
        summary = await self._summaries.of(call.agent, before.chat_ctx)
        under_way = self._arbiter.under_way
        if under_way is None or under_way.call_id != call.id:
            lost = TransferRefused("failed")
            raise ToolRefused(lost.why, str(lost))
        return summary

    def _request(self, call: Call, target: HandoffTarget) -> None:
        requested = HandoffRequested(
            call_id=call.id, from_agent=call.agent, to_agent=target.agent, policy=target.policy
        )
        reason = HandoffReason(reason=str(call.arguments[REASON]), arguments=_arguments(target, call) or UNSET)
        self._recorder.record(requested, reason, actor=call.agent)
        try:
            self._arbiter.request(
                call_id=call.id,
                from_agent=call.agent,
                target=target,
                now=self._clock.monotonic(),
                values=self._values,
            )
        except TransferRefused as refused:
            self._record_refusal(call.id, call.agent, target.agent, refused.why)
            raise ToolRefused(refused.why, str(refused)) from refused
        # An interrupted speech can be done without a word about its tools; a transfer in it must not block all others.
        call.context.speech_handle.add_done_callback(
            lambda _speech: self.lost(self._arbiter.batch_done({call.id}, handed_over=False), "failed")
        )

    def _record_refusal(self, call_id: str, from_agent: AgentId, to_agent: AgentId, why: RefusedWhy) -> None:
        refused = HandoffRefused(call_id=call_id, from_agent=from_agent, to_agent=to_agent, why=why)
        self._recorder.record(refused, actor=from_agent)


def _parameters(target: HandoffTarget) -> Schema:
    """Of the edge's own schema, and the reason, which every transfer has."""
    own: dict[str, Any] = target.arguments or {"type": "object", "additionalProperties": False}
    properties = {REASON: _REASON, **own.get("properties", {})}
    return {**own, "properties": properties, "required": [REASON, *own.get("required", [])]}


def _arguments(target: HandoffTarget, call: Call) -> str:
    """What the model said for the next agent, as JSON; empty where the edge has no schema for it."""
    if target.arguments is UNSET:
        return ""
    given = {name: value for name, value in call.arguments.items() if name != REASON}
    return msgspec.json.encode(given).decode()
