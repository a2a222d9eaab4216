"""A customer's own price book: drafted, and published as immutable versions that begin now or later.

What a version has priced stays so; a wrong version is corrected by another, which says so.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, FieldError, InvalidInput, NotFound
from config.domain.pointers import pointer
from contracts.envelope import format_time
from contracts.events.price_book import PriceBookDrafted, PriceBookPublished
from contracts.price_books import OwnBook, evolve, is_deployments
from contracts.pricing import (
    MAX_BOOK_BYTES,
    MAX_ENTRIES,
    BadPriceBook,
    BookContent,
    deployment_content,
    mistakes,
    version_of,
)
from contracts.registry import EventData

MAX_VERSIONS = 500
MAX_AHEAD = timedelta(days=400)
_ENTRY_FIELDS = {"amount_nano": "bad_amount", "per": "out_of_range", "": "repeated"}


class Draft(msgspec.Struct, frozen=True):
    """Let the draft read so."""

    content: BookContent


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """Make the draft a version. `in_force_from` None: from `now` on; `corrects` are versions that were wrong."""

    now: datetime
    in_force_from: datetime | None = None
    corrects: list[str] = []


Command = Draft | Publish


class InvalidPriceBook(InvalidInput):
    """Prices that cannot be."""

    code, title = "invalid_price_book", "The price book is not valid"


class InvalidPublication(InvalidInput):
    """A version that begins at no possible time, or corrects what it cannot."""

    code, title = "invalid_publication", "The price book cannot be published so"


class NothingDrafted(NotFound):
    """There is no draft."""

    code, title = "nothing_drafted", "There is no draft of a price book"


class TooManyVersions(Conflict):
    """As many versions as there may be."""

    code, title = "too_many_price_books", "You have as many versions as there may be"


class NoSuchPriceBook(NotFound):
    """Neither one of the customer's versions nor a deployment's book."""

    code, title = "price_book_not_found", "There is no such price book"


def content_of(version: str, book: OwnBook) -> BookContent:
    """What a version says: one of the customer's, or a deployment's; raises NoSuchPriceBook."""
    own = book.find(version)
    if own is not None:
        return own.content
    try:
        if is_deployments(version):
            return deployment_content(version)
    except BadPriceBook:
        pass
    raise NoSuchPriceBook(f"there is no price book {version}")


def decide(command: Command, state: OwnBook) -> list[EventData]:
    """Events of the command; none where it was already so. Raises the refusals above."""
    match command:
        case Draft(content):
            if wrong := list(_wrong(content)):
                raise InvalidPriceBook(wrong[0].detail, errors=wrong)
            return [] if content == state.draft else [PriceBookDrafted(content=content)]
        case Publish():
            return _publish(command, state)
        case _:
            assert_never(command)


def _publish(command: Publish, state: OwnBook) -> list[EventData]:
    if state.draft is None:
        raise NothingDrafted
    version = version_of(state.draft)
    last = state.versions[-1].version if state.versions else ""
    if version == last and command.in_force_from is None and not command.corrects:
        return []
    if len(state.versions) >= MAX_VERSIONS:
        raise TooManyVersions(f"at most {MAX_VERSIONS}")
    if wrong := list(_wrong_publication(command, state, state.draft)):
        raise InvalidPublication(wrong[0].detail, errors=wrong)
    published = PriceBookPublished(
        number=len(state.versions) + 1,
        version=version,
        content=state.draft,
        in_force_from=format_time(command.in_force_from or command.now),
        corrects=command.corrects,
    )
    return [published]


def _wrong(content: BookContent) -> Iterator[FieldError]:
    if len(content.entries) > MAX_ENTRIES:
        yield FieldError("/entries", "too_many", f"at most {MAX_ENTRIES} entries, not {len(content.entries)}")
    elif len(msgspec.json.encode(content)) > MAX_BOOK_BYTES:
        yield FieldError("", "too_large", f"a price book has at most {MAX_BOOK_BYTES} bytes")
    for place, field, detail in mistakes(content.entries[:MAX_ENTRIES]):
        where = pointer("entries", place, field) if field else pointer("entries", place)
        yield FieldError(where, _ENTRY_FIELDS[field], detail)


def _wrong_publication(command: Publish, state: OwnBook, draft: BookContent) -> Iterator[FieldError]:
    begins = command.in_force_from
    if begins is not None and not command.now <= begins <= command.now + MAX_AHEAD:
        detail = f"a version begins now or within {MAX_AHEAD.days} days: sessions keep the prices they began with"
        yield FieldError("/in_force_from", "out_of_range", detail)
    for place, version in enumerate(command.corrects):
        where = pointer("corrects", place)
        try:
            wrong = content_of(version, state)
        except NoSuchPriceBook as unknown:
            yield FieldError(where, "unknown_version", unknown.detail)
            continue
        if version == version_of(draft):
            yield FieldError(where, "same_version", "the draft is that version")
        elif wrong.currency != draft.currency:
            yield FieldError(where, "other_currency", f"that version is in {wrong.currency}")


PRICE_BOOK: Decider[Command, EventData, OwnBook] = Decider(initial=OwnBook(), evolve=evolve, decide=decide)
