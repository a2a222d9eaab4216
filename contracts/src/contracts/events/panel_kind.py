"""A panel kind of a customer's own. Its id is the kind's name; each revision is the kind's next version."""

from contracts.panels.kind import PanelKind
from contracts.registry import EventData, event


@event("panel_kind.created")
class PanelKindCreated(EventData, frozen=True, kw_only=True):
    """The first version."""

    definition: PanelKind


@event("panel_kind.revised")
class PanelKindRevised(EventData, frozen=True, kw_only=True):
    """The whole kind as it now reads; what was published keeps the version that it has."""

    definition: PanelKind


@event("panel_kind.archived")
class PanelKindArchived(EventData, frozen=True, kw_only=True):
    """It can no longer be put into a template; published versions keep it."""


PanelKindEvent = PanelKindCreated | PanelKindRevised | PanelKindArchived
