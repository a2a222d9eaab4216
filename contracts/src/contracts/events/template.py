"""A template: the recipe for sessions, drafted and published as immutable versions."""

from contracts.ids import VersionHash
from contracts.registry import EventData, event
from contracts.template_version import TemplateDraft


@event("template.created")
class TemplateCreated(EventData, frozen=True, kw_only=True):
    """The first draft."""

    draft: TemplateDraft


@event("template.revised")
class TemplateRevised(EventData, frozen=True, kw_only=True):
    """The draft as it now reads."""

    draft: TemplateDraft


@event("template.published")
class TemplatePublished(EventData, frozen=True, kw_only=True):
    """`version` is the SHA-256 under which the whole set stands in the object store; `number` counts from 1."""

    version: VersionHash
    number: int


@event("template.archived")
class TemplateArchived(EventData, frozen=True, kw_only=True):
    """No new session starts from it; live ones go on."""


TemplateEvent = TemplateCreated | TemplateRevised | TemplatePublished | TemplateArchived
