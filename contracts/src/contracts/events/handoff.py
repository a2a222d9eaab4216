"""Control passing between two agents of one session."""

from typing import Literal

from msgspec import UNSET, UnsetType

from contracts.ids import AgentId
from contracts.registry import EventData, Personal, event
from contracts.template_version import ContextPolicy


class HandoffReason(Personal, frozen=True, kw_only=True):
    """Why the model asked for it, in its words. `arguments`: JSON, where the edge has a schema for them."""

    reason: str = ""
    arguments: str | UnsetType = UNSET


class HandoffSummary(Personal, frozen=True, kw_only=True):
    """What the next agent was told. `summary` is empty where the policy is another, or none could be made in time:
    the last messages were carried then. `arguments`: JSON, where the edge has a schema for them.
    """

    summary: str = ""
    arguments: str | UnsetType = UNSET


@event("handoff.requested", personal=HandoffReason)
class HandoffRequested(EventData, frozen=True, kw_only=True):
    """A transfer tool was called."""

    call_id: str
    from_agent: AgentId
    to_agent: AgentId
    policy: ContextPolicy


@event("handoff.completed", personal=HandoffSummary)
class HandoffCompleted(EventData, frozen=True, kw_only=True):
    """The next agent is in control; `ms` from the grant of the transfer to its `on_enter`.

    The tool returns at once, but for the policy `summary`, whose request lies between.
    """

    call_id: str
    from_agent: AgentId
    to_agent: AgentId
    policy: ContextPolicy
    item_id: str = ""
    ms: int


@event("handoff.refused")
class HandoffRefused(EventData, frozen=True, kw_only=True):
    """A transfer that did not happen. `guard`: the condition of the edge did not hold."""

    call_id: str
    from_agent: AgentId
    to_agent: AgentId
    why: Literal["another_won", "session_ending", "not_allowed", "failed", "guard"]


HandoffEvent = HandoffRequested | HandoffCompleted | HandoffRefused
