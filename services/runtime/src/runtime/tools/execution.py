"""The one place through which every tool call goes: checked, recorded, and only then carried out.

A call that changes the world outside waits until the log has it, at most ACK_S: the world must not be touched twice,
and after a crash only the log can tell. LiveKit turns results into text with str() and hides what handlers raise, so
results leave here as JSON and failures as ToolError.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from livekit.agents import Agent, RunContext, ToolError, function_tool
from livekit.agents.llm import RawFunctionTool

from chassis.clock import Clock
from contracts.events.tool import ToolArguments, ToolCalled, ToolCompleted, ToolFailed, ToolMessage, ToolResult
from contracts.ids import AgentId
from contracts.panels.kind import Schema
from runtime.adapters.recorder import SessionRecorder
from runtime.adapters.schemas import complaint

log = structlog.get_logger()

ACK_S = 2.0
MAX_ARGUMENT_BYTES = 350 * 1024


class ToolRefused(Exception):
    """The tool says no, or could not: `code` is recorded, the message goes to the model."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, as a tool's body sees it."""

    id: str
    agent: AgentId
    arguments: Mapping[str, Any]
    context: "RunContext[Any]"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`result` goes to the model as JSON; with `agent`, control passes to it and the model is told nothing."""

    result: object = None
    agent: Agent | None = None


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool before it is LiveKit's. `side_effects`: it changes something outside this process.

    `idempotent`: a call that is made twice does no more than one.
    """

    name: str
    description: str
    parameters: Schema
    run: Callable[[Call], Awaitable[Outcome]]
    side_effects: bool = False
    idempotent: bool = False


class ToolRunner:
    """Makes LiveKit's tools of ours, for one agent of one session."""

    def __init__(self, *, recorder: SessionRecorder, clock: Clock, agent: AgentId) -> None:
        self._recorder, self._clock, self._agent = recorder, clock, agent

    def livekit_tool(self, tool: Tool) -> RawFunctionTool[..., Any]:
        """The raw-schema tool that the model is offered."""

        async def call(raw_arguments: dict[str, object], context: RunContext[Any]) -> Any:
            return await self.call(tool, raw_arguments, context)

        schema = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        return function_tool(call, raw_schema=schema)

    async def call(self, tool: Tool, arguments: dict[str, object], context: "RunContext[Any]") -> Any:
        """Run one call; returns JSON text or the next agent. Raises ToolError."""
        call = Call(id=context.function_call.call_id, agent=self._agent, arguments=arguments, context=context)
        started = self._clock.monotonic()
        encoded = msgspec.json.encode(arguments)
        problem = complaint(tool.parameters, arguments)
        if len(encoded) > MAX_ARGUMENT_BYTES:
            problem, encoded = "the arguments are too large", b"{}"
        n = self._recorder.record(
            ToolCalled(
                call_id=call.id,
                name=tool.name,
                agent=self._agent,
                turn=self._recorder.turn,
                side_effects=tool.side_effects and problem is None,
                idempotent=tool.idempotent,
            ),
            ToolArguments(arguments=encoded.decode()),
            actor=self._agent,
        )
        try:
            if problem is not None:
                raise ToolRefused("invalid_arguments", f"invalid arguments: {problem}")
            if tool.side_effects and not await self._recorder.acked(n, timeout_s=ACK_S):
                raise ToolRefused("not_executed", "unavailable")
            outcome = await tool.run(call)
        except ToolRefused as refused:
            self._failed(tool, call, refused.code, str(refused), started)
            raise ToolError(str(refused)) from refused
        except asyncio.CancelledError:
            self._failed(tool, call, "cancelled", "", started)
            raise
        except Exception as error:
            # A boundary: a broken tool must not end the call. The type only, since a message may quote what was said.
            log.error("tool_broken", tool=tool.name, fault=type(error).__name__)
            self._failed(tool, call, "failed", "the tool failed", started)
            raise ToolError("the tool failed") from error
        text = msgspec.json.encode(outcome.result).decode()
        completed = ToolCompleted(call_id=call.id, name=tool.name, ms=self._ms(started))
        self._recorder.record(completed, ToolResult(result=text), actor=self._agent)
        return outcome.agent if outcome.agent is not None else text

    def _failed(self, tool: Tool, call: Call, code: str, message: str, started: float) -> None:
        failed = ToolFailed(call_id=call.id, name=tool.name, code=code, ms=self._ms(started))
        self._recorder.record(failed, ToolMessage(message=message), actor=self._agent)

    def _ms(self, started: float) -> int:
        return round((self._clock.monotonic() - started) * 1000)
