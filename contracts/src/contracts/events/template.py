"""A template: the recipe for sessions, drafted and published as immutable versions."""

from contracts.aliases import AliasTarget
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
    """`version` is the SHA-256 under which the whole set stands in the object store; `number` counts from 1.

    `restored_from` is the number of the version that was made current again, 0 where the draft was published.
    """

    version: VersionHash
    number: int
    restored_from: int = 0


@event("template.archived")
class TemplateArchived(EventData, frozen=True, kw_only=True):
    """No new session starts from it; live ones go on."""


@event("template.alias_moved")
class TemplateAliasMoved(EventData, frozen=True, kw_only=True):
    """From now on new sessions of `<template>@<alias>` get these versions, by their weights, which add up to 100."""

    alias: str
    targets: list[AliasTarget]


@event("template.alias_removed")
class TemplateAliasRemoved(EventData, frozen=True, kw_only=True):
    """No new session starts by the alias; live ones go on."""

    alias: str


TemplateEvent = (
    TemplateCreated | TemplateRevised | TemplatePublished | TemplateArchived | TemplateAliasMoved | TemplateAliasRemoved
)
