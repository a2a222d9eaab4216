"""Tells the ledger that a tool was used: one event for each request to whoever serves it."""

from collections.abc import Mapping

from contracts.events.usage import ToolCallUsed
from runtime.adapters.recorder import SessionRecorder
from runtime.tools.execution import Call

_ONE_CALL = {"calls": 1}


def record_use(
    recorder: SessionRecorder, call: Call, *, provider: str, model: str, quantities: Mapping[str, int] = _ONE_CALL
) -> None:
    """Record what `call` used of `model` at `provider`: one call, unless `quantities` (by unit) say more."""
    used = ToolCallUsed(
        provider=provider,
        model=model,
        agent=call.agent,
        turn=recorder.turn,
        request_id=call.id,
        quantities=dict(quantities),
    )
    recorder.record(used, actor=call.agent)
