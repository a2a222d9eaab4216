"""Control passing between two agents of one session."""

from typing import Literal

from contracts.ids import AgentId
from contracts.registry import EventData, Personal, event
from contracts.template_version import ContextPolicy


class HandoffReason(Personal, frozen=True, kw_only=True):
    """Why the model asked for it, in its words."""

    reason: str = ""


class HandoffSummary(Personal, frozen=True, kw_only=True):
    """What the next agent was told, where the policy is `summary`."""

    summary: str = ""


@event("handoff.requested", personal=HandoffReason)
class HandoffRequested(EventData, frozen=True, kw_only=True):
    """A transfer tool was called."""

    call_id: str
    from_agent: AgentId
    to_agent: AgentId
    policy: ContextPolicy


@event("handoff.completed", personal=HandoffSummary)
class HandoffCompleted(EventData, frozen=True, kw_only=True):
    """The next agent is in control; `ms` from the transfer tool's return to its `on_enter`."""

    call_id: str
    from_agent: AgentId
    to_agent: AgentId
    policy: ContextPolicy
    item_id: str = ""
    ms: int


@event("handoff.refused")
class HandoffRefused(EventData, frozen=True, kw_only=True):
    """A transfer that did not happen."""

    call_id: str
    from_agent: AgentId
    to_agent: AgentId
    why: Literal["another_won", "session_ending", "not_allowed", "failed"]


HandoffEvent = HandoffRequested | HandoffCompleted | HandoffRefused
