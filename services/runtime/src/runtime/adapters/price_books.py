"""The price book that a session names: a deployment's of this release, or the customer's own, read from the log."""

from chassis.event_log import EventLog
from contracts.envelope import decode_commit
from contracts.events.price_book import PriceBookPublished
from contracts.ids import CustomerId
from contracts.price_books import is_deployments, price_book_named, price_book_subject
from contracts.pricing import PriceBook
from contracts.registry import decode_data
from contracts.subjects import Log


async def price_book_of(log: EventLog, customer: CustomerId, version: str) -> PriceBook:
    """The prices of a version; raises BadPriceBook, LogFault."""
    published: list[PriceBookPublished] = []
    if not is_deployments(version):
        async for commit in log.read(Log.CONFIG, price_book_subject(customer)):
            for envelope in decode_commit(commit.payload):
                data = decode_data(envelope)
                if isinstance(data, PriceBookPublished) and data.version == version:
                    published.append(data)
    return price_book_named(version, published)
