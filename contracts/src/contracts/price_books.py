"""Which version of a price book prices what: one pure fold, for config, gateway, ledger and runtime alike.

A session is priced by the version that was in force when it was admitted, which its first event names, so that the
same log gives the same charges for ever. A version that corrects another takes the other's place when costs are read.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from contracts.envelope import parse_time
from contracts.events.price_book import PriceBookDrafted, PriceBookPublished
from contracts.ids import CustomerId
from contracts.pricing import BadPriceBook, BookContent, PriceBook, book_of, load_price_book
from contracts.registry import EventData
from contracts.subjects import config_subject

PRICE_BOOK_KIND = "price_book"
PRICE_BOOK_ID = "own"
"""A customer has one price book of its own; this is its id."""


def price_book_subject(customer: CustomerId) -> str:
    """The stream of a customer's own price book; raises InvalidId."""
    return config_subject(customer, PRICE_BOOK_KIND, PRICE_BOOK_ID)


class OwnBook(msgspec.Struct, frozen=True):
    """A customer's own price book: its draft, and every version published, the first first."""

    draft: BookContent | None = None
    versions: tuple[PriceBookPublished, ...] = ()

    def in_force(self, at: datetime) -> PriceBookPublished | None:
        """The version that prices a session admitted then: the last to have begun; of two at once, the later number."""
        begun = [one for one in self.versions if parse_time(one.in_force_from) <= at]
        return max(begun, key=lambda one: (one.in_force_from, one.number), default=None)

    def find(self, version: str) -> PriceBookPublished | None:
        """A version by its hash."""
        return next((one for one in self.versions if one.version == version), None)


def evolve(book: OwnBook, event: EventData) -> OwnBook:
    """The book after one more event of its stream."""
    match event:
        case PriceBookDrafted():
            return OwnBook(event.content, book.versions)
        case PriceBookPublished():
            return OwnBook(book.draft, (*book.versions, event))
        case _:
            return book


class Correction(msgspec.Struct, frozen=True):
    """A version, and which it corrects."""

    version: str
    corrects: list[str]


def corrected(version: str, published: Sequence[Correction | PriceBookPublished]) -> str:
    """What a version reads by now: itself, or the last that corrects it, and so on from there.

    `published` are all of the customer's, the first first.
    """
    for one in published:
        if version in one.corrects and version != one.version:
            version = one.version
    return version


def price_book_named(version: str, published: Sequence[PriceBookPublished]) -> PriceBook:
    """The prices of a version: one of the customer's own, or a deployment's book. Raises BadPriceBook."""
    own = next((one for one in published if one.version == version), None)
    if own is not None:
        return book_of(version, own.content)
    if not is_deployments(version):
        raise BadPriceBook(f"there is no price book {version[:80]}")
    return load_price_book(version)


def is_deployments(version: str) -> bool:
    """Whether it names a deployment's book, and not the hash of a customer's own."""
    return len(version) != _HASH_LENGTH


_HASH_LENGTH = 64
