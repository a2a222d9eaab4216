"""What customers have spent, by session and by month, and which sessions may spend more: what admission counts with.

An open session holds back what is left of its budget. What it spends moves from there into its month in the same
transaction, so that at any moment the two together are what the log says. Amounts are nano-units.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from chassis.event_log import Recorded
from chassis.postgres.price_books import BookFinder
from chassis.projection import Db
from contracts.envelope import parse_time
from contracts.events import session
from contracts.events.usage import UsageEvent
from contracts.ids import CustomerId, SessionId
from contracts.pricing import PriceBook
from contracts.registry import EventData, decode_data
from contracts.subjects import Log
from gateway.domain.allowance import month_of

_TABLES = """
create table session_spend (
    customer text not null,
    session text not null,
    price_book text not null,
    currency text not null,
    budget_nano bigint,
    spent_nano numeric(38) not null,
    open bool not null,
    primary key (customer, session)
);
create index session_spend_open on session_spend (customer) where open;
create table month_spend (
    customer text not null,
    month text not null,
    currency text not null,
    spent_nano numeric(38) not null,
    primary key (customer, month, currency)
);
"""
_OVER = (session.SessionRefused, session.SessionClosed, session.SessionEnded, session.SessionFailed)
_TYPES = frozenset({"requested", "refused", "closed", "ended", "failed"})

Session = tuple[CustomerId, SessionId]
Month = tuple[CustomerId, str, str]
"""(customer, calendar month in UTC by the event's time, currency)"""


class Row(msgspec.Struct, kw_only=True):
    """A session while it is folded."""

    customer: CustomerId
    session: SessionId
    price_book: str = ""
    currency: str = ""
    budget_nano: int | None = None
    spent_nano: int = 0
    open: bool = False


_COLUMNS = Row.__struct_fields__
_UPSERT = (
    f"insert into session_spend ({', '.join(_COLUMNS)})"  # noqa: S608 (names of this file)
    f" values ({', '.join(f'${number}' for number in range(1, len(_COLUMNS) + 1))})"
    " on conflict (customer, session) do update set "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[2:])
)


class Spending:
    """The projection; `book` names what sessions are priced by that name none. `late` usage counts, too."""

    name = "spending"
    log = Log.SESSIONS
    tables = _TABLES

    def __init__(self, *, service: str, book: str) -> None:
        self._books = BookFinder(service=service, unnamed=book)

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """See the port: one read and two writes per batch, whatever the number of events."""
        told = [event for event in events if _tells(event)]
        if not told:
            return
        rows = await _load(db, {_key(event) for event in told})
        months: dict[Month, int] = {}
        for event in told:
            row = rows.setdefault(_key(event), Row(customer=_key(event)[0], session=_key(event)[1]))
            data = decode_data(event.envelope)
            if isinstance(data, UsageEvent):
                book = await self._books.find(db, row.customer, row.price_book)
                _spend(row, months, book, data, time=event.envelope.time)
            else:
                await self._evolve(db, row, data)
        await db.executemany(_UPSERT, [_values(row) for row in rows.values()])
        await _add(db, months)

    async def _evolve(self, db: Db, row: Row, data: EventData) -> None:
        if isinstance(data, session.SessionRequested):
            row.price_book, row.open = data.price_book, True
            row.budget_nano = data.limits.budget_nano if isinstance(data.limits.budget_nano, int) else None
            row.currency = (await self._books.find(db, row.customer, row.price_book)).currency
        elif isinstance(data, _OVER):
            row.open = False


def _spend(row: Row, months: dict[Month, int], book: PriceBook, used: UsageEvent, *, time: str) -> None:
    amount = book.total_nano(used.provider, used.model, used.quantities)
    month = (row.customer, month_of(parse_time(time)), book.currency)
    row.spent_nano += amount
    row.currency = book.currency
    months[month] = months.get(month, 0) + amount


def _tells(event: Recorded) -> bool:
    family, _, verb = event.envelope.type.partition(".")
    return family == "usage" or (family == "session" and verb in _TYPES)


def _key(event: Recorded) -> Session:
    return event.envelope.customer, SessionId(event.envelope.subject)


async def _load(db: Db, keys: Iterable[Session]) -> dict[Session, Row]:
    wanted = list(keys)
    found = await db.fetch(
        f"select {', '.join(_COLUMNS)} from session_spend"  # noqa: S608 (names of this file)
        " where (customer, session) in (select * from unnest($1::text[], $2::text[]))",
        [customer for customer, _ in wanted],
        [id for _, id in wanted],
    )
    rows = [Row(**{**dict(row), "spent_nano": int(row["spent_nano"])}) for row in found]
    return {(row.customer, row.session): row for row in rows}


def _values(row: Row) -> list[object]:
    values = [getattr(row, column) for column in _COLUMNS]
    values[_COLUMNS.index("spent_nano")] = Decimal(row.spent_nano)
    return values


async def _add(db: Db, months: dict[Month, int]) -> None:
    await db.executemany(
        "insert into month_spend as m (customer, month, currency, spent_nano) values ($1, $2, $3, $4)"
        " on conflict (customer, month, currency) do update set spent_nano = m.spent_nano + excluded.spent_nano",
        [(*month, Decimal(amount)) for month, amount in months.items()],
    )
