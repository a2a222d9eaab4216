"""A customer's own price book: drafted, and published as immutable versions."""

from contracts.pricing import BookContent
from contracts.registry import EventData, event


@event("price_book.drafted")
class PriceBookDrafted(EventData, frozen=True, kw_only=True):
    """The draft as it now reads."""

    content: BookContent


@event("price_book.published")
class PriceBookPublished(EventData, frozen=True, kw_only=True):
    """Version `number`, from 1, under the SHA-256 of its content. Sessions that start from `in_force_from` on
    (RFC 3339 UTC) are priced by it.

    `corrects` are versions that were wrong: what they priced reads by this one from now on. A deployment's book is
    named as sessions name it, such as `2026-11`.
    """

    number: int
    version: str
    content: BookContent
    in_force_from: str
    corrects: list[str] = []


PriceBookEvent = PriceBookDrafted | PriceBookPublished
