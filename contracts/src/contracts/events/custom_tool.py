"""A customer's own tool. Its id is its name. `secret` names a signing secret in config's vault; it is never here."""

from contracts.custom_tool import CustomTool
from contracts.registry import EventData, event


@event("custom_tool.created")
class CustomToolCreated(EventData, frozen=True, kw_only=True):
    """The first definition."""

    definition: CustomTool
    secret: str


@event("custom_tool.revised")
class CustomToolRevised(EventData, frozen=True, kw_only=True):
    """The whole definition as it now reads."""

    definition: CustomTool


@event("custom_tool.secret_replaced")
class CustomToolSecretReplaced(EventData, frozen=True, kw_only=True):
    """Calls of sessions that start from now on are signed with another secret."""

    secret: str


@event("custom_tool.archived")
class CustomToolArchived(EventData, frozen=True, kw_only=True):
    """It can no longer be published; versions that have it keep it."""


CustomToolEvent = CustomToolCreated | CustomToolRevised | CustomToolSecretReplaced | CustomToolArchived
