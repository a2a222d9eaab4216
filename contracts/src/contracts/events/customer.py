"""A customer: the company that builds agents on Baton. Operators write these events, nobody else."""

from contracts.registry import EventData, event

DEFAULT_CELL = "default"
"""The cell of a deployment that has one."""


@event("customer.created")
class CustomerCreated(EventData, frozen=True, kw_only=True):
    """`name` is a company's name; `max_sessions` is how many sessions may be open at once.

    `cell` names the NATS and PostgreSQL that the customer lives in; it never changes.
    """

    name: str
    max_sessions: int
    cell: str = DEFAULT_CELL


@event("customer.renamed")
class CustomerRenamed(EventData, frozen=True, kw_only=True):
    """The company has another name; its id stays."""

    name: str


@event("customer.capped")
class CustomerCapped(EventData, frozen=True, kw_only=True):
    """What the customer may use from now on, both values anew.

    `max_sessions` is as in `customer.created`. `max_monthly_nano` is the most that a calendar month may cost, in
    nano-units of the deployment's currency; null for no such cap.
    """

    max_sessions: int
    max_monthly_nano: int | None = None


@event("customer.suspended")
class CustomerSuspended(EventData, frozen=True, kw_only=True):
    """Its credentials open nothing, its live sessions end, and none begins; `reason` is an operator's own word."""

    reason: str


@event("customer.resumed")
class CustomerResumed(EventData, frozen=True, kw_only=True):
    """The suspension is over."""


CustomerEvent = CustomerCreated | CustomerRenamed | CustomerCapped | CustomerSuspended | CustomerResumed
