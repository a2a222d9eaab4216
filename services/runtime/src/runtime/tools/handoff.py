"""`transfer_to_<agent>`: one tool per handoff target of an agent, and at most one winner among their calls."""

from collections.abc import Callable

from livekit.agents import Agent

from chassis.clock import Clock
from contracts.events.handoff import HandoffReason, HandoffRefused, HandoffRequested
from contracts.ids import AgentId
from contracts.panels.checks import HANDOFF_PREFIX
from contracts.template_version import HandoffTarget
from runtime.adapters.recorder import SessionRecorder
from runtime.domain.handoff import Granted, HandoffArbiter, RefusedWhy, TransferRefused
from runtime.tools.execution import Call, Outcome, Tool, ToolRefused

_PARAMETERS: dict[str, object] = {
    "type": "object",
    "properties": {"reason": {"type": "string", "maxLength": 2000, "description": "Why, in a sentence."}},
    "required": ["reason"],
    "additionalProperties": False,
}


class Transfers:
    """The transfer tools of one session; they share one arbiter."""

    def __init__(self, *, arbiter: HandoffArbiter, recorder: SessionRecorder, clock: Clock) -> None:
        self._arbiter, self._recorder, self._clock = arbiter, recorder, clock

    def tool(self, target: HandoffTarget, *, target_name: str, build: Callable[[AgentId, Agent], Agent]) -> Tool:
        """The tool that hands the conversation to `target`; `build(id, before)` makes its agent."""

        async def run(call: Call) -> Outcome:
            # Nothing is awaited in here: asking the arbiter and returning are one step.
            self._request(call, target)
            agent = build(target.agent, call.context.session.current_agent)
            return Outcome(result={"transferred_to": target.agent}, agent=agent)

        return Tool(
            name=f"{HANDOFF_PREFIX}{target.agent}",
            description=target.description or f"Hands the conversation to {target_name}, who takes over at once.",
            parameters=_PARAMETERS,
            run=run,
        )

    def lost(self, transfer: Granted | None, why: RefusedWhy) -> None:
        """Record that a granted transfer, if any, will not happen."""
        if transfer is not None:
            self._record_refusal(transfer.call_id, transfer.from_agent, transfer.to_agent, why)

    def _request(self, call: Call, target: HandoffTarget) -> None:
        requested = HandoffRequested(
            call_id=call.id, from_agent=call.agent, to_agent=target.agent, policy=target.policy
        )
        self._recorder.record(requested, HandoffReason(reason=str(call.arguments["reason"])), actor=call.agent)
        try:
            self._arbiter.request(call_id=call.id, from_agent=call.agent, target=target, now=self._clock.monotonic())
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
