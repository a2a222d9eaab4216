"""Event families, one file each. Importing this package registers every event type."""

from contracts.events import (
    agent_definition,
    api_key,
    context,
    custom_tool,
    customer,
    handoff,
    knowledge_document,
    panel,
    provider_credential,
    session,
    template,
    tool,
    turn,
    usage,
    webhook,
)

__all__ = [
    "agent_definition",
    "api_key",
    "context",
    "custom_tool",
    "customer",
    "handoff",
    "knowledge_document",
    "panel",
    "provider_credential",
    "session",
    "template",
    "tool",
    "turn",
    "usage",
    "webhook",
]
