"""Whom every service lets in: API keys and the standing of their customers, folded in memory from the CONFIG log.

Nothing to rebuild, nothing to lose, and nobody to ask: what is revoked or suspended acts at once, everywhere.
"""

from chassis.api_keys import ApiKeys
from chassis.clock import Clock
from chassis.errors import NotAllowed
from chassis.event_log import Commit, EventLog
from chassis.log_fold import LogFold
from chassis.principal import Principal
from contracts.envelope import Envelope, decode_commit
from contracts.events.customer import CustomerResumed, CustomerSuspended
from contracts.ids import CustomerId
from contracts.registry import decode_data
from contracts.subjects import Log

_KINDS = frozenset({"api_key", "customer"})


class CustomerIsSuspended(NotAllowed):
    """An operator has suspended the customer."""

    code, title = "customer_suspended", "This customer is suspended"


class Access(LogFold):
    """All credentials of all customers, as far as `follow` has read."""

    def __init__(self, *, log: EventLog, pepper: bytes, clock: Clock | None = None) -> None:
        super().__init__(log=log, name=Log.CONFIG)
        self.keys = ApiKeys(pepper=pepper, clock=clock)
        self._suspended: set[CustomerId] = set()

    def authenticate(self, credential: str) -> Principal:
        """Whose credential this is.

        Raises NotAuthenticated (KeyExpired) for one that is malformed, unknown, revoked or expired, and
        CustomerIsSuspended.
        """
        principal = self.keys.authenticate(credential)
        if principal.customer in self._suspended:
            raise CustomerIsSuspended
        return principal

    def suspended(self, customer: CustomerId) -> bool:
        """Whether the customer is suspended."""
        return customer in self._suspended

    def _apply(self, commit: Commit) -> None:
        if commit.subject.split(".")[2] in _KINDS:
            for envelope in decode_commit(commit.payload):
                self._evolve(envelope)

    def _evolve(self, envelope: Envelope) -> None:
        event = decode_data(envelope)
        match event:
            case CustomerSuspended():
                self._suspended.add(envelope.customer)
            case CustomerResumed():
                self._suspended.discard(envelope.customer)
            case _:
                self.keys.apply(envelope, event)
