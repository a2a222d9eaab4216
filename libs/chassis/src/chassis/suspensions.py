"""Which customers are suspended, folded from the CONFIG log by whoever follows it."""

from chassis.errors import NotAllowed
from contracts.envelope import Envelope
from contracts.events.customer import CustomerResumed, CustomerSuspended
from contracts.ids import CustomerId
from contracts.registry import EventData


class Suspended(NotAllowed):
    """The credential is good, and opens nothing for the time being."""

    code, title = "customer_suspended", "The customer is suspended"


class Suspensions:
    """The suspended customers, as folded so far."""

    def __init__(self) -> None:
        self._suspended: set[CustomerId] = set()

    def check(self, customer: CustomerId) -> None:
        """Raise Suspended where the customer is."""
        if customer in self._suspended:
            raise Suspended("an operator of this deployment has suspended the customer")

    def apply(self, envelope: Envelope, event: EventData) -> None:
        """Fold one event; pass over what is not about customers."""
        match event:
            case CustomerSuspended():
                self._suspended.add(envelope.customer)
            case CustomerResumed():
                self._suspended.discard(envelope.customer)
            case _:
                pass
