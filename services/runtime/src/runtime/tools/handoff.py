"""`transfer_to_<agent>`: one tool per handoff target of an agent, and at most one winner among their calls."""

from collections.abc import Callable

from livekit.agents import Agent

from chassis.clock import Clock
from contracts.events.handoff import HandoffReason, HandoffRefused, HandoffRequested
from contracts.ids import AgentId
from contracts.panels.checks import HANDOFF_PREFIX
from contracts.template_version import HandoffTarget
from runtime.adapters.recorder import SessionRecorder
from runtime.domain.handoff import HandoffArbiter, TransferRefused
from runtime.tools.execution import Call, Outcome, Tool, ToolRefused

_PARAMETERS: dict[str, object] = {
    "type": "object",
    "properties": {"reason": {"type": "string", "maxLength": 2000, "description": "Why, in a sentence."}},
    "required": ["reason"],
    "additionalProperties": False,
}


def transfer_tool(
    target: HandoffTarget,
    *,
    target_name: str,
    arbiter: HandoffArbiter,
    recorder: SessionRecorder,
    clock: Clock,
    build: Callable[[AgentId, Agent], Agent],
) -> Tool:
    """The tool that hands the conversation to `target`; `build(id, before)` makes its agent."""

    async def run(call: Call) -> Outcome:
        # Nothing is awaited in here: asking the arbiter and returning are one step.
        requested = HandoffRequested(
            call_id=call.id, from_agent=call.agent, to_agent=target.agent, policy=target.policy
        )
        recorder.record(requested, HandoffReason(reason=str(call.arguments["reason"])), actor=call.agent)
        try:
            arbiter.request(call_id=call.id, from_agent=call.agent, target=target, now=clock.monotonic())
        except TransferRefused as refused:
            recorder.record(
                HandoffRefused(call_id=call.id, from_agent=call.agent, to_agent=target.agent, why=refused.why),
                actor=call.agent,
            )
            raise ToolRefused(refused.why, str(refused)) from refused
        return Outcome(
            result={"transferred_to": target.agent}, agent=build(target.agent, call.context.session.current_agent)
        )

    return Tool(
        name=f"{HANDOFF_PREFIX}{target.agent}",
        description=target.description or f"Hands the conversation to {target_name}, who takes over at once.",
        parameters=_PARAMETERS,
        run=run,
    )
