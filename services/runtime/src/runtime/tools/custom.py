"""Tools of the customer's own: signed calls to where the customer said, whose answers go to the model as data.

Whoever answers is outside: what comes back is bounded, and neither an address nor a secret reaches the model.
"""

from collections.abc import Mapping

import msgspec
import structlog

from chassis.clock import Clock
from chassis.guarded_addresses import parse_target
from chassis.guarded_http import GuardedAnswer, GuardedFault
from chassis.signed_calls import call_signed, message_id
from contracts.custom_tool import CustomTool
from runtime.adapters.outside import Outside, SecretsOutOfReach
from runtime.adapters.recorder import SessionRecorder
from runtime.tools.execution import Call, Outcome, Tool, ToolRefused
from runtime.tools.usage import record_use

log = structlog.get_logger()

MAX_RESULT = 16_000
"""Characters of an answer that the model is given."""

_UNAVAILABLE = "the tool is unavailable at the moment"
_CODES = {"not_reached": "unavailable"}


def custom_tools(
    tools: Mapping[str, CustomTool], *, outside: Outside | None, recorder: SessionRecorder, clock: Clock
) -> dict[str, Tool]:
    """By name. Without `outside` every call fails as unavailable."""
    return {name: _tool(name, tool, outside, recorder, clock) for name, tool in tools.items()}


def _tool(name: str, tool: CustomTool, outside: Outside | None, recorder: SessionRecorder, clock: Clock) -> Tool:
    async def run(call: Call) -> Outcome:
        if outside is None:
            raise ToolRefused("unavailable", _UNAVAILABLE)
        key = await _key(outside, name)
        try:
            answer = await call_signed(
                outside.client,
                tool.url,
                key=key,
                id=message_id(outside.session, call.id),
                content=_body(outside, name, call),
                timeout_s=tool.timeout_s,
                repeatable=tool.idempotent,
                clock=clock,
            )
        except GuardedFault as fault:
            log.warning("custom_tool_failed", tool=name, code=fault.code)
            if fault.sent:
                record_use(recorder, call, provider=parse_target(tool.url).host, model=name)
            raise ToolRefused(_CODES.get(fault.code, fault.code), _UNAVAILABLE) from fault
        record_use(recorder, call, provider=parse_target(tool.url).host, model=name)
        return Outcome(result=_result(answer))

    return Tool(
        name=name,
        description=tool.description,
        parameters=tool.parameters,
        run=run,
        side_effects=True,
        idempotent=tool.idempotent,
    )


async def _key(outside: Outside, name: str) -> bytes:
    try:
        key = await outside.secrets.key(name)
    except SecretsOutOfReach as error:
        raise ToolRefused("unavailable", _UNAVAILABLE) from error
    if key is None:
        raise ToolRefused("unavailable", _UNAVAILABLE)
    return key


def _body(outside: Outside, name: str, call: Call) -> bytes:
    return msgspec.json.encode(
        {
            "type": "tool.call",
            "tool": name,
            "call_id": call.id,
            "session_id": outside.session,
            "agent_id": call.agent,
            "livemode": outside.livemode,
            "arguments": call.arguments,
        }
    )


def _result(answer: GuardedAnswer) -> object:
    """What the model is given; raises ToolRefused for an answer that says that it failed."""
    if not 200 <= answer.status < 300:
        raise ToolRefused("http_error", f"the tool answered with the status {answer.status}")
    try:
        text = answer.body.decode()
    except UnicodeDecodeError as error:
        raise ToolRefused("answer_refused", "the tool's answer is not text") from error
    if len(text) > MAX_RESULT:
        return {"result": text[:MAX_RESULT], "truncated": True}
    try:
        return {"result": msgspec.json.decode(text)}
    except (msgspec.MsgspecError, RecursionError):
        return {"result": text}
