"""From measured quantities to money: exact, rounded half-even once per line. Pure.

A price book is a list of prices. The deployment's own are files of this release, named by a month; a customer's own
versions are events of `CONFIG`, named by the SHA-256 of their content (contracts/price_books.py).
"""

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec
import rfc8785
from msgspec import Meta

from contracts.ids import check_id

MAX_QUANTITY = 2**53 - 1
MAX_NANO = 2**53 - 1
"""The largest amount that a limit or a price may be: some nine million of a currency's units."""

MAX_ENTRIES = 500
MAX_BOOK_BYTES = 48 * 1024
DEPLOYMENT_BOOK = "2026-11"
"""The deployment's own book, where its setting names no other."""

_MAX_PER = 10**9
_MAX_PLACES = 9


class BadQuantity(ValueError):
    """A measured quantity that cannot be: negative, or beyond 2^53 - 1."""

    code = "bad_quantity"


class BadPriceBook(ValueError):
    """A price book that cannot be used."""

    code = "bad_price_book"


class PriceEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`amount_nano` nano-units, a decimal number as text, for every `per` units of a provider's model.

    Units are those of usage events: `input_tokens`, `audio_ms`, `characters`, `calls` …
    """

    provider: Annotated[str, Meta(min_length=1, max_length=100)]
    model: Annotated[str, Meta(min_length=1, max_length=100)]
    unit: Annotated[str, Meta(min_length=1, max_length=40)]
    amount_nano: Annotated[str, Meta(min_length=1, max_length=40)]
    per: int = 1

    @property
    def key(self) -> tuple[str, str, str]:
        """What is priced."""
        return (self.provider, self.model, self.unit)


class BookContent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price book as it is written. `currency` is an ISO 4217 code; an amount of 0 says that a unit costs nothing."""

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    about: Annotated[str, Meta(max_length=2000)] = ""
    entries: list[PriceEntry]


class Price(msgspec.Struct, frozen=True):
    """`amount_nano` nano-units of the book's currency for every `per` units: 7,700,000 per 60,000 ms."""

    amount_nano: Decimal
    per: int = 1


class PriceBook(msgspec.Struct, frozen=True):
    """One immutable version of all prices, by (provider, model, unit)."""

    version: str
    currency: str
    prices: dict[tuple[str, str, str], Price]

    def amount_nano(self, provider: str, model: str, unit: str, quantity: int) -> int | None:
        """What a quantity costs, None where the book has no price for it; raises BadQuantity."""
        if not 0 <= quantity <= MAX_QUANTITY:
            raise BadQuantity(f"{unit} of {provider} {model}: {quantity} cannot be")
        price = self.prices.get((provider, model, unit))
        return None if price is None else amount_nano(quantity, price)

    def total_nano(self, provider: str, model: str, quantities: Mapping[str, int]) -> int:
        """What all quantities of one usage event cost together; without a price: nothing. Raises BadQuantity."""
        amounts = (self.amount_nano(provider, model, unit, quantity) for unit, quantity in quantities.items())
        return sum(amount or 0 for amount in amounts)


def amount_nano(quantity: int, price: Price) -> int:
    """``quantity * amount / per`` in nano-units, rounded half-even to an integer.

    Fractions, since a price per minute has no finite decimal per millisecond; where `per` is 1 it is
    contracts.money.line_amount_nano.
    """
    return round(Fraction(price.amount_nano) * quantity / price.per)


def mistakes(entries: Iterable[PriceEntry]) -> list[tuple[int, str, str]]:
    """(place, field, what is wrong) of every entry that cannot be; a field is empty for the whole entry."""
    found: list[tuple[int, str, str]] = []
    seen: set[tuple[str, str, str]] = set()
    for place, entry in enumerate(entries):
        if entry.key in seen:
            found.append((place, "", f"{' '.join(entry.key)} has two prices"))
        seen.add(entry.key)
        if not 1 <= entry.per <= _MAX_PER:
            found.append((place, "per", f"a price is for 1 to {_MAX_PER} units"))
        if _decimal(entry.amount_nano) is None:
            found.append((place, "amount_nano", f"a decimal number from 0 to {MAX_NANO}, at most 9 places"))
    return found


def book_of(version: str, content: BookContent) -> PriceBook:
    """The prices by what they are for; raises BadPriceBook."""
    if wrong := mistakes(content.entries):
        raise BadPriceBook(wrong[0][2])
    prices = {entry.key: Price(_decimal(entry.amount_nano) or Decimal(0), entry.per) for entry in content.entries}
    return PriceBook(version, content.currency, prices)


def version_of(content: BookContent) -> str:
    """SHA-256 (hex) over RFC 8785 of the content."""
    return hashlib.sha256(rfc8785.dumps(msgspec.to_builtins(content))).hexdigest()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    currency: str
    about: str
    entries: list[PriceEntry]


def decode_price_book(source: bytes) -> PriceBook:
    """A deployment's book from its file; raises BadPriceBook for a wrong shape or a price that cannot be."""
    found = _decoded(source)
    return book_of(found.version, _content(found))


@cache
def deployment_content(version: str = DEPLOYMENT_BOOK) -> BookContent:
    """What this release's `prices/<version>.json` says; raises BadPriceBook, InvalidId."""
    source = files("contracts").joinpath("prices", f"{check_id(version)}.json")
    if not source.is_file():
        raise BadPriceBook(f"there is no price book {version}")
    found = _decoded(source.read_bytes())
    if found.version != version:
        raise BadPriceBook(f"the file of {version} says that it is {found.version}")
    return _content(found)


def deployment_books() -> dict[str, BookContent]:
    """All books of this release by name, the last first."""
    names = sorted(
        (one.name.removesuffix(".json") for one in files("contracts").joinpath("prices").iterdir()), reverse=True
    )
    return {name: deployment_content(name) for name in names}


@cache
def load_price_book(version: str = DEPLOYMENT_BOOK) -> PriceBook:
    """The deployment's book of this name; raises BadPriceBook, InvalidId."""
    return book_of(version, deployment_content(version))


def _decoded(source: bytes) -> _File:
    try:
        return msgspec.json.decode(source, type=_File)
    except msgspec.MsgspecError as error:
        raise BadPriceBook(str(error)) from error


def _content(found: _File) -> BookContent:
    return BookContent(currency=found.currency, about=found.about, entries=found.entries)


def _decimal(text: str) -> Decimal | None:
    """The number, if it is a price that can be."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount <= MAX_NANO:
        return None
    exponent = amount.as_tuple().exponent
    return amount if isinstance(exponent, int) and exponent >= -_MAX_PLACES else None
