"""The conversation as an agent may know it: what passes over a handoff, and what a resumed agent is given back."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeVar

import msgspec

from contracts.ids import AgentId
from contracts.session_state import Item
from contracts.template_version import ContextPolicy, HandoffTarget, TemplateVersion
from runtime.domain.briefing import Briefing, told

DEFAULT_LAST_N = 10

Message = TypeVar("Message")


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a chat context, under its original id."""

    role: Literal["user", "assistant", "system"]
    id: str
    text: str
    interrupted: bool = False


def carried(
    messages: Sequence[Message], policy: ContextPolicy, last_n: int | None, *, summary: str = ""
) -> list[Message]:
    """What of the previous agent's messages the next one gets. `last_n` counts messages.

    A summary takes the place of all of them; where none could be made, the policy `summary` is `last_n`.
    """
    if policy == "full":
        return list(messages)
    if policy == "none" or (policy == "summary" and summary):
        return []
    count = DEFAULT_LAST_N if last_n is None else max(0, last_n)
    return list(messages[max(0, len(messages) - count) :])


def remembered(items: Iterable[Item], edge: Callable[[AgentId, AgentId], HandoffTarget | None]) -> list[Remembered]:
    """The current agent's chat context, from the folded items: each handoff on the way cuts it by its policy.

    Words that could not be opened (erased) are left out. `edge` finds the handoff target of an edge of the graph. What
    an agent was told over a handoff is for it alone, and is not handed on.
    """
    known: list[Remembered] = []
    for item in items:
        if item.kind == "handoff":
            known = _handed_over(known, item, edge(item.agent, AgentId(item.name)))
        elif item.kind in ("user", "agent") and item.text:
            role: Literal["user", "assistant"] = "user" if item.kind == "user" else "assistant"
            known.append(Remembered(role=role, id=item.id, text=item.text, interrupted=item.interrupted))
    return known


def _handed_over(known: list[Remembered], item: Item, target: HandoffTarget | None) -> list[Remembered]:
    if target is None:
        return []
    briefing = Briefing(summary=item.text or "", arguments=item.result or "")
    said = [one for one in known if one.role != "system"]
    after = carried(said, target.policy, target.last_n, summary=briefing.summary)
    if text := told(briefing):
        after.append(Remembered(role="system", id=item.id, text=text))
    return after


def edges_of(version: TemplateVersion) -> Callable[[AgentId, AgentId], HandoffTarget | None]:
    """The lookup that `remembered` needs, over a version's handoff graph."""
    known = {
        (agent.id, target.agent): target for agent in version.agents for target in agent.definition.handoff_targets
    }
    return lambda from_agent, to_agent: known.get((from_agent, to_agent))
