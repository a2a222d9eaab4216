"""Which placeholders an agent's texts may hold in a template: what a session knows when the agent takes over."""

from collections.abc import Iterator

from chassis.errors import FieldError
from contracts.placeholders import mistakes
from contracts.template_version import AgentDefinition, TemplateDraft

ALWAYS_THERE = ("user.id", "user.name", "user.preferences.*", "user.metadata.*", "session.id", "session.template_id")


def placeholder_errors(draft: TemplateDraft, definition: AgentDefinition) -> Iterator[FieldError]:
    """Every wrong placeholder of an agent's instructions and greeting; pointers go into the definition."""
    names = {
        *ALWAYS_THERE,
        *(f"variables.{name}" for name in draft.variables or {}),
        *(f"flags.{name}" for name in draft.flags or {}),
    }
    for field in ("instructions", "greeting"):
        for mistake in mistakes(getattr(definition, field), names):
            yield FieldError(f"/{field}", mistake.code, mistake.detail)
