"""Customers' own price books as a read model, for every service that prices; and how its projections find a version.

What prices is named in the log of sessions and stands in the log of configuration. A version is named by the hash of
its content, so that it does not matter when it is read: the same events give the same amounts, also in a rebuild.
"""

import asyncio
from collections import OrderedDict

import asyncpg
import msgspec

from chassis.event_log import Recorded
from chassis.postgres.fetching import rows_of
from chassis.postgres.names import identifier
from chassis.projection import Db
from contracts.events.price_book import PriceBookPublished
from contracts.ids import CustomerId
from contracts.price_books import Correction, is_deployments, price_book_named
from contracts.pricing import BadPriceBook, PriceBook, book_of, load_price_book
from contracts.registry import decode_data
from contracts.subjects import Log

_TABLES = """
create table price_book_version (
    customer text not null,
    number int not null,
    version text not null,
    corrects text[] not null,
    published bytea not null,
    primary key (customer, number)
);
create index on price_book_version (customer, version);
"""

_WAIT_S = 10.0
_PAUSE_S = 0.02
_CACHED = 200


class PriceBooks:
    """The projection: one row for each published version, its event as it was."""

    name = "price_books"
    log = Log.CONFIG
    tables = _TABLES

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """See the port."""
        rows = []
        for event in events:
            if event.envelope.type != "price_book.published":
                continue
            data = decode_data(event.envelope)
            assert isinstance(data, PriceBookPublished)
            book_of(data.version, data.content)
            rows.append((event.envelope.customer, data.number, data.version, data.corrects, bytes(event.envelope.data)))
        if rows:
            await db.executemany(
                "insert into price_book_version (customer, number, version, corrects, published)"
                " values ($1, $2, $3, $4, $5)",
                rows,
            )


async def corrections_of(pool: asyncpg.Pool, customer: CustomerId) -> list[Correction]:
    """What each version that a customer published corrects, the first first. Raises ReadModelsOutOfReach."""
    query = "select version, corrects from price_book_version where customer = $1 order by number"
    return [Correction(*row) for row in await rows_of(pool, customer, query, customer)]


async def read_price_book(pool: asyncpg.Pool, customer: CustomerId, version: str) -> PriceBook:
    """A version of the customer's own, or a deployment's book. Raises BadPriceBook, ReadModelsOutOfReach."""
    query = "select published from price_book_version where customer = $1 and version = $2 limit 1"
    rows = await rows_of(pool, customer, query, customer, version)
    own = [msgspec.json.decode(row["published"], type=PriceBookPublished) for row in rows]
    return price_book_named(version, own)


class BookFinder:
    """The books that sessions name, inside a projection's transaction of `service`.

    A session may name a version that this service's `price_books` has not read yet: that is waited for, once and for
    10 s at most. After that nobody published it, and the session is parked.
    """

    def __init__(self, *, service: str, unnamed: str) -> None:
        self._service = identifier(service)
        self._waited: set[tuple[CustomerId, str]] = set()
        self._unnamed = load_price_book(unnamed)
        self._found: OrderedDict[tuple[CustomerId, str], PriceBook] = OrderedDict()

    async def find(self, db: Db, customer: CustomerId, version: str) -> PriceBook:
        """The book; where a session names none, the deployment's. Raises BadPriceBook."""
        if not version:
            return self._unnamed
        if is_deployments(version):
            return load_price_book(version)
        named = (customer, version)
        if named not in self._found:
            self._found[named] = await self._read(db, customer, version)
            while len(self._found) > _CACHED:
                self._found.popitem(last=False)
        self._found.move_to_end(named)
        return self._found[named]

    async def _read(self, db: Db, customer: CustomerId, version: str) -> PriceBook:
        table = f"{self._service}.price_book_version"
        patience = 1 if (customer, version) in self._waited else round(_WAIT_S / _PAUSE_S)
        for _ in range(patience):
            if await db.fetchval("select to_regclass($1)", table) is not None:
                published = await db.fetchval(
                    f"select published from {table} where customer = $1 and version = $2 limit 1",
                    customer,
                    version,
                )
                if published is not None:
                    return price_book_named(version, [msgspec.json.decode(published, type=PriceBookPublished)])
            await asyncio.sleep(_PAUSE_S)
        if len(self._waited) < _CACHED:
            self._waited.add((customer, version))
        raise BadPriceBook(f"no version {version} was published")
