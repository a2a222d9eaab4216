"""Tool calls, by the model's call id. Arguments and results are personal."""

from contracts.ids import AgentId, TurnId
from contracts.registry import EventData, Personal, event


class ToolArguments(Personal, frozen=True, kw_only=True):
    """JSON text as validated."""

    arguments: str


class ToolResult(Personal, frozen=True, kw_only=True):
    """What the model was given."""

    result: str


class ToolMessage(Personal, frozen=True, kw_only=True):
    """The error text that the model was given."""

    message: str = ""


@event("tool.called", personal=ToolArguments)
class ToolCalled(EventData, frozen=True, kw_only=True):
    """A tool was called; where `side_effects`, the call waited for this event's acknowledgement."""

    call_id: str
    name: str
    agent: AgentId
    turn: TurnId
    side_effects: bool = False
    idempotent: bool = False


@event("tool.completed", personal=ToolResult)
class ToolCompleted(EventData, frozen=True, kw_only=True):
    """`ms` from call to result."""

    call_id: str
    name: str
    ms: int


@event("tool.failed", personal=ToolMessage)
class ToolFailed(EventData, frozen=True, kw_only=True):
    """`code` is stable: `invalid_arguments`, `timeout`, `not_executed`, `unavailable`, a panel error's name …"""

    call_id: str
    name: str
    code: str
    ms: int = 0


@event("tool.skipped_on_resume")
class ToolSkippedOnResume(EventData, frozen=True, kw_only=True):
    """A call that a crash cut short and that may not be repeated."""

    call_id: str
    name: str


ToolEvent = ToolCalled | ToolCompleted | ToolFailed | ToolSkippedOnResume
