"""Price books as files: one JSON file per version in `prices/`, never edited once it has priced a call."""

from decimal import Decimal, InvalidOperation
from importlib.resources import files

import msgspec

from contracts.ids import check_id
from ledger.domain.pricing import Price, PriceBook

CURRENT = "2026-11"
"""The version that charges are made with."""


class BadPriceBook(ValueError):
    """A price book file that cannot be used."""

    code = "bad_price_book"


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: str
    model: str
    unit: str
    amount_nano: str
    per: int = 1


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    currency: str
    about: str
    entries: list[_Entry]


def load_price_book(version: str = CURRENT) -> PriceBook:
    """The book of this package's `prices/<version>.json`; raises BadPriceBook, InvalidId."""
    source = files("ledger").joinpath("prices", f"{check_id(version)}.json")
    if not source.is_file():
        raise BadPriceBook(f"there is no price book {version}")
    book = decode_price_book(source.read_bytes())
    if book.version != version:
        raise BadPriceBook(f"the file of {version} says that it is {book.version}")
    return book


def decode_price_book(source: bytes) -> PriceBook:
    """A book from its file; raises BadPriceBook for a wrong shape, a doubled entry or a price that cannot be."""
    try:
        found = msgspec.json.decode(source, type=_File)
    except msgspec.MsgspecError as error:
        raise BadPriceBook(str(error)) from error
    prices: dict[tuple[str, str, str], Price] = {}
    for entry in found.entries:
        key = (entry.provider, entry.model, entry.unit)
        if key in prices:
            raise BadPriceBook(f"{' '.join(key)} has two prices")
        prices[key] = _price(entry)
    return PriceBook(found.version, found.currency, prices)


def _price(entry: _Entry) -> Price:
    try:
        amount = Decimal(entry.amount_nano)
    except InvalidOperation:
        raise BadPriceBook(f"{entry.provider} {entry.model} {entry.unit}: not a decimal") from None
    if not amount.is_finite() or amount < 0 or entry.per < 1:
        raise BadPriceBook(f"{entry.provider} {entry.model} {entry.unit}: a price is 0 or more, per 1 or more units")
    return Price(amount, entry.per)
