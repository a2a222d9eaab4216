"""What binds each customer's starts, folded in memory from the CONFIG log, as the catalogue is."""

import msgspec
import structlog

from chassis.event_log import Commit, EventLog
from chassis.log_fold import LogFold
from contracts.envelope import InvalidCommit, decode_commit
from contracts.events.customer import CustomerCapped, CustomerCreated
from contracts.events.limits import LimitsSet
from contracts.events.price_book import PriceBookPublished
from contracts.ids import CustomerId
from contracts.limits import LIMITS_KIND
from contracts.price_books import PRICE_BOOK_KIND, evolve
from contracts.pricing import BookContent
from contracts.registry import EventData, UnknownEvent, decode_data
from contracts.subjects import Log
from gateway.domain.allowance import Terms

log = structlog.get_logger(__name__)
_KINDS = ("customer", LIMITS_KIND, PRICE_BOOK_KIND)


class CustomerTerms(LogFold):
    """By customer; `max_sessions` is the deployment's own limit, where no event names one.

    Of price books it keeps which is in force when, and not their prices: those are read where something is priced.
    """

    def __init__(self, *, event_log: EventLog, max_sessions: int) -> None:
        super().__init__(log=event_log, name=Log.CONFIG)
        self._of: dict[CustomerId, Terms] = {}
        self._unsaid = Terms(max_sessions=max_sessions)

    def of(self, customer: CustomerId) -> Terms:
        """What binds a customer now."""
        return self._of.get(customer, self._unsaid)

    def _apply(self, commit: Commit) -> None:
        _, customer, kind, _ = commit.subject.split(".")
        if kind not in _KINDS:
            return
        id = CustomerId(customer)
        try:
            for envelope in decode_commit(commit.payload):
                self._of[id] = _evolve(self.of(id), decode_data(envelope))
        except (InvalidCommit, UnknownEvent, msgspec.ValidationError) as error:
            log.error("config_commit_unreadable", sequence=commit.sequence, error=type(error).__name__)


def _evolve(terms: Terms, event: EventData) -> Terms:
    replace = msgspec.structs.replace
    match event:
        case CustomerCreated():
            return replace(terms, max_sessions=event.max_sessions)
        case CustomerCapped():
            return replace(terms, max_sessions=event.max_sessions, max_monthly_nano=event.max_monthly_nano)
        case LimitsSet():
            return replace(terms, limits=event.limits)
        case PriceBookPublished():
            without_prices = BookContent(currency=event.content.currency, entries=[])
            return replace(terms, book=evolve(terms.book, replace(event, content=without_prices)))
        case _:
            return terms
