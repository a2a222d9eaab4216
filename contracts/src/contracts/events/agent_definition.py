"""What a customer wrote about one agent."""

from contracts.registry import EventData, event
from contracts.template_version import AgentDefinition


@event("agent_definition.created")
class AgentDefinitionCreated(EventData, frozen=True, kw_only=True):
    """The first text of a definition."""

    definition: AgentDefinition


@event("agent_definition.revised")
class AgentDefinitionRevised(EventData, frozen=True, kw_only=True):
    """The whole definition as it now reads."""

    definition: AgentDefinition


@event("agent_definition.archived")
class AgentDefinitionArchived(EventData, frozen=True, kw_only=True):
    """It can no longer be put into a template; published versions keep it."""


AgentDefinitionEvent = AgentDefinitionCreated | AgentDefinitionRevised | AgentDefinitionArchived
