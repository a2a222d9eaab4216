"""/api/price-books: the customer's own prices, by which its sessions are priced in place of the deployment's."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from chassis.http.app import Caller, PathId
from chassis.http.conditions import BadTag, IfMatch, precondition
from config.domain.difference import Change
from config.domain.price_book import (
    InvalidPriceBook,
    InvalidPublication,
    NoSuchPriceBook,
    NothingDrafted,
    TooManyVersions,
    content_of,
)
from config.handlers.terms import Terms, Written
from config.http.answers import encoded, tagged
from contracts.events.price_book import PriceBookPublished
from contracts.ids import ID_PATTERN
from contracts.positions import Position
from contracts.pricing import BookContent, deployment_books

KnowsTerms = NamedDependency[Terms]
BookName = Annotated[str, QueryParameter(pattern=ID_PATTERN)]


class DraftAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The draft as it now reads."""

    content: BookContent
    position: str = ""


class PublishPrices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when new sessions are priced by the version (RFC 3339; now, where it is left out), and which it corrects.

    What a corrected version has priced reads by this one from now on; what was charged stays to be read beside it.
    """

    in_force_from: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    corrects: Annotated[list[Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]], msgspec.Meta(max_length=100)] = []


class PriceBookSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A version. `version` is the SHA-256 of its content, by which sessions and charges name it; `number` counts yours
    from 1. A deployment's book has a name in place of both, and nobody published it.
    """

    version: str
    number: int | None
    currency: str
    about: str
    entries: int
    in_force_from: str | None
    corrects: list[str]
    published_at: str | None
    published_by: str | None
    in_force: bool


class PriceBookList(msgspec.Struct, frozen=True, kw_only=True):
    """Your versions, the last first, and then the deployment's; there is one page. The deployment's price your sessions
    as long as none of yours is in force, and always where an operator caps what your month may cost.
    """

    data: list[PriceBookSummary]
    next_cursor: str | None = None


class PriceBookContent(msgspec.Struct, frozen=True, kw_only=True):
    """A version with its prices."""

    version: str
    content: BookContent


class PublishedBook(msgspec.Struct, frozen=True, kw_only=True):
    """The version that was made."""

    version: str
    number: int
    in_force_from: str
    corrects: list[str]
    position: str


class PriceChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What differs, by JSON Pointer (prices by `provider/model/unit`); empty where nothing does."""

    data: list[Change]
    next_cursor: str | None = None


@get("/api/price-books", opt={"scope": "prices:read"})
async def list_price_books(principal: Caller, terms: KnowsTerms) -> PriceBookList:
    """The price books that there are for your sessions."""
    current = await terms.in_force(principal.customer)
    own = [_summary(one, made, current) for one, made in await terms.published(principal.customer)]
    return PriceBookList(data=[*own, *(_deployments(name, content) for name, content in deployment_books().items())])


@get("/api/price-books/draft", opt={"scope": "prices:read", "refuses": (NothingDrafted,), "etag": True})
async def get_price_draft(principal: Caller, terms: KnowsTerms) -> Response[DraftAnswer]:
    """Your draft."""
    stream = await terms.book(principal.customer)
    return _draft(stream.state.draft, stream.position)


@put(
    "/api/price-books/draft",
    opt={"scope": "prices:write", "refuses": (InvalidPriceBook, BadTag), "conditional": True, "etag": True},
)
async def write_price_draft(
    data: JSONBody[BookContent], principal: Caller, terms: KnowsTerms, if_match: IfMatch = None
) -> Response[DraftAnswer]:
    """Write the whole draft; the same content twice changes nothing. Revising one that exists needs If-Match."""
    handled = await terms.draft(principal, data, check=precondition(if_match))
    return _draft(handled.state.draft, handled.position)


@post(
    "/api/price-books/draft/publish",
    opt={
        "scope": "prices:write",
        "refuses": (InvalidPublication, NothingDrafted, TooManyVersions),
        "idempotent": True,
    },
    status_code=200,
)
async def publish_prices(data: JSONBody[PublishPrices], principal: Caller, terms: KnowsTerms) -> PublishedBook:
    """Make the draft an immutable version. Sessions keep the version that was in force when they began."""
    handled = await terms.publish(principal, in_force_from=data.in_force_from, corrects=data.corrects)
    made = handled.state.versions[-1]
    return PublishedBook(
        version=made.version,
        number=made.number,
        in_force_from=made.in_force_from,
        corrects=made.corrects,
        position=encoded(handled.position),
    )


@get("/api/price-books/diff", opt={"scope": "prices:read", "refuses": (NoSuchPriceBook,)})
async def compare_price_books(before: BookName, after: BookName, principal: Caller, terms: KnowsTerms) -> PriceChanges:
    """What differs between two versions."""
    return PriceChanges(data=await terms.compare(principal.customer, before, after))


@get("/api/price-books/{price_book:str}", opt={"scope": "prices:read", "refuses": (NoSuchPriceBook,)})
async def get_price_book(price_book: PathId, principal: Caller, terms: KnowsTerms) -> PriceBookContent:
    """One version with its prices: yours by its hash, a deployment's by its name."""
    book = (await terms.book(principal.customer)).state
    return PriceBookContent(version=price_book, content=content_of(price_book, book))


def _draft(content: BookContent | None, position: Position | None) -> Response[DraftAnswer]:
    if content is None:
        raise NothingDrafted
    return Response(DraftAnswer(content=content, position=encoded(position)), headers=tagged(position))


def _summary(one: PriceBookPublished, made: Written, current: str) -> PriceBookSummary:
    return PriceBookSummary(
        version=one.version,
        number=one.number,
        currency=one.content.currency,
        about=one.content.about,
        entries=len(one.content.entries),
        in_force_from=one.in_force_from,
        corrects=one.corrects,
        published_at=made.at,
        published_by=made.by,
        in_force=one.version == current,
    )


def _deployments(name: str, content: BookContent) -> PriceBookSummary:
    return PriceBookSummary(
        version=name,
        number=None,
        currency=content.currency,
        about=content.about,
        entries=len(content.entries),
        in_force_from=None,
        corrects=[],
        published_at=None,
        published_by=None,
        in_force=False,
    )


ROUTES = [
    list_price_books,
    get_price_draft,
    write_price_draft,
    publish_prices,
    compare_price_books,
    get_price_book,
]
