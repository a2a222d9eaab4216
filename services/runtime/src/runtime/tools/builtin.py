"""Tools that every customer may give to an agent by name."""

from collections.abc import Callable

import msgspec

from contracts.builtin_tools import BUILTIN_DESCRIPTIONS, BUILTIN_PARAMETERS
from contracts.events.context import ContextChanged, ContextPersonal
from runtime.adapters.recorder import SessionRecorder
from runtime.domain.context import SessionContext
from runtime.tools.execution import Call, Outcome, Tool

END_SESSION = "end_session"
LOG_OBSERVATION = "log_observation"


def builtin_tools(
    *, recorder: SessionRecorder, context: SessionContext, end_after: Callable[[Call], None]
) -> dict[str, Tool]:
    """By name. `end_after(call)` ends the session once the speech that the call belongs to is over."""
    return {END_SESSION: _end_session(end_after), LOG_OBSERVATION: _log_observation(recorder, context)}


def _end_session(end_after: Callable[[Call], None]) -> Tool:
    async def run(call: Call) -> Outcome:
        end_after(call)
        return Outcome(result={"ending": True, "note": "Say goodbye in one short sentence; the session ends after it."})

    return Tool(
        name=END_SESSION,
        description=BUILTIN_DESCRIPTIONS[END_SESSION],
        parameters=BUILTIN_PARAMETERS[END_SESSION],
        run=run,
    )


def _log_observation(recorder: SessionRecorder, context: SessionContext) -> Tool:
    async def run(call: Call) -> Outcome:
        text = str(call.arguments["text"])
        changed = ContextChanged(area="observations", key=str(len(context.observations) + 1), by=call.agent)
        recorder.record(changed, ContextPersonal(after=msgspec.Raw(msgspec.json.encode(text))), actor=call.agent)
        context.observations.append(text)
        return Outcome(result={"ok": True})

    return Tool(
        name=LOG_OBSERVATION,
        description=BUILTIN_DESCRIPTIONS[LOG_OBSERVATION],
        parameters=BUILTIN_PARAMETERS[LOG_OBSERVATION],
        run=run,
    )
