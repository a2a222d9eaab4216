"""The conversation as an agent may know it: what passes over a handoff, and what a resumed agent is given back."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeVar

import msgspec

from contracts.ids import AgentId
from contracts.session_state import Item
from contracts.template_version import ContextPolicy, HandoffTarget, TemplateVersion

DEFAULT_LAST_N = 10

Message = TypeVar("Message")


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a chat context, under its original id."""

    role: Literal["user", "assistant"]
    id: str
    text: str
    interrupted: bool = False


def carried(messages: Sequence[Message], policy: ContextPolicy, last_n: int | None) -> list[Message]:
    """What of the previous agent's messages the next one gets. `last_n` counts messages; `summary` carries none."""
    match policy:
        case "full":
            return list(messages)
        case "last_n":
            count = DEFAULT_LAST_N if last_n is None else max(0, last_n)
            return list(messages[max(0, len(messages) - count) :])
        case "none" | "summary":
            return []


def remembered(items: Iterable[Item], edge: Callable[[AgentId, AgentId], HandoffTarget | None]) -> list[Remembered]:
    """The current agent's chat context, from the folded items: each handoff on the way cuts it by its policy.

    Words that could not be opened (erased) are left out. `edge` finds the handoff target of an edge of the graph.
    """
    known: list[Remembered] = []
    for item in items:
        if item.kind == "handoff":
            target = edge(item.agent, AgentId(item.name))
            known = carried(known, target.policy, target.last_n) if target else []
        elif item.kind in ("user", "agent") and item.text:
            role: Literal["user", "assistant"] = "user" if item.kind == "user" else "assistant"
            known.append(Remembered(role=role, id=item.id, text=item.text, interrupted=item.interrupted))
    return known


def edges_of(version: TemplateVersion) -> Callable[[AgentId, AgentId], HandoffTarget | None]:
    """The lookup that `remembered` needs, over a version's handoff graph."""
    known = {
        (agent.id, target.agent): target for agent in version.agents for target in agent.definition.handoff_targets
    }
    return lambda from_agent, to_agent: known.get((from_agent, to_agent))
