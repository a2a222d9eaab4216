"""An agent's texts, filled in with what the session knows when the agent takes over."""

from contracts.placeholders import Values, render
from contracts.template_version import TemplateDraft, TemplateVersion
from contracts.variables import initial_values
from runtime.domain.context import SessionContext


def filled(text: str, version: TemplateVersion, context: SessionContext) -> str:
    """The text without placeholders. Never raises; what a customer or a participant gave is put in as it is.

    A text of a template that declares neither variables nor flags and knows no placeholder is returned unchanged.
    """
    return render(text, values(version.draft, context) | {"session.template_id": version.template_id})


def values(draft: TemplateDraft, context: SessionContext) -> dict[str, object]:
    """What placeholders may stand for, by path: the participant, the session, and what the template declared."""
    known: dict[str, object] = {
        "user.id": context.user_id,
        "user.name": context.user.name,
        "session.id": context.session_id,
    }
    known |= _below("user.preferences", context.user.preferences)
    known |= _below("user.metadata", context.user.metadata)
    known |= _below("variables", {**initial_values(draft.variables or {}), **context.variables})
    return known | _below("flags", {**initial_values(draft.flags or {}), **context.flags})


def _below(area: str, named: Values) -> dict[str, object]:
    return {f"{area}.{name}": value for name, value in named.items()}
