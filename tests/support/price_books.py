"""Price books of a customer's own, published in the log without config."""

from collections.abc import Sequence

from chassis.clock import SystemClock
from chassis.event_log import EventLog
from chassis.recording import Origin, Recorder
from contracts.envelope import decode_commit
from contracts.events.price_book import PriceBookPublished
from contracts.ids import CustomerId
from contracts.price_books import PRICE_BOOK_ID, price_book_subject
from contracts.pricing import BookContent, PriceEntry, deployment_content, version_of
from contracts.subjects import CONFIG_WRITER, Log


def a_book(*, times: int = 1, currency: str = "USD") -> BookContent:
    """The deployment's book with every price `times` as high."""
    entries = [
        PriceEntry(
            provider=one.provider,
            model=one.model,
            unit=one.unit,
            amount_nano=str(times * int(one.amount_nano)),
            per=one.per,
        )
        for one in deployment_content().entries
    ]
    return BookContent(currency=currency, entries=entries)


async def publish_book(
    log: EventLog,
    customer: CustomerId,
    content: BookContent,
    *,
    corrects: Sequence[str] = (),
    in_force_from: str = "2026-01-01T00:00:00.000000Z",
) -> str:
    """What config appends on a publish; returns the version."""
    subject = price_book_subject(customer)
    last = await log.last(Log.CONFIG, subject)
    number = decode_commit(last.payload)[-1].n + 1 if last else 1
    published = PriceBookPublished(
        number=number,
        version=version_of(content),
        content=content,
        in_force_from=in_force_from,
        corrects=list(corrects),
    )
    origin = Origin(customer=customer, subject=PRICE_BOOK_ID, writer=CONFIG_WRITER, source="test")
    envelope = Recorder(origin=origin, clock=SystemClock(), last_n=number - 1).record(published)
    await log.append(Log.CONFIG, subject, [envelope], expected=last.sequence if last else 0)
    return published.version
