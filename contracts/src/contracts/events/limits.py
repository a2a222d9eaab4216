"""How a customer limits itself: each change is a version of the whole."""

from contracts.limits import CustomerLimits
from contracts.registry import EventData, event


@event("limits.set")
class LimitsSet(EventData, frozen=True, kw_only=True):
    """The limits as they now read; `number` counts the versions from 1."""

    number: int
    limits: CustomerLimits


LimitsEvent = LimitsSet
