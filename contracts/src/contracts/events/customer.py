"""A customer: the company that builds agents on Baton."""

from contracts.registry import EventData, event


@event("customer.created")
class CustomerCreated(EventData, frozen=True, kw_only=True):
    """`name` is a company's name; `max_sessions` is how many sessions may be open at once."""

    name: str
    max_sessions: int


CustomerEvent = CustomerCreated
