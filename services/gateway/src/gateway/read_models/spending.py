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
from contracts.registry import decode_data
from contracts.subjects import Log
from gateway.domain.allowance import month_of
from gateway.domain.spending import SessionSpend, admitted, over, used

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

_FIELDS = SessionSpend.__struct_fields__
_COLUMNS = ("customer", "session", *_FIELDS)
_UPSERT = (
    f"insert into session_spend ({', '.join(_COLUMNS)})"  # noqa: S608 (names of this file)
    f" values ({', '.join(f'${number}' for number in range(1, len(_COLUMNS) + 1))})"
    " on conflict (customer, session) do update set " + ", ".join(f"{field} = excluded.{field}" for field in _FIELDS)
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
            key = _key(event)
            rows[key] = await self._after(db, key, rows.get(key, SessionSpend()), event, months)
        await db.executemany(_UPSERT, [(*key, *_values(spend)) for key, spend in rows.items()])
        await _add(db, months)

    async def _after(
        self, db: Db, key: Session, spend: SessionSpend, event: Recorded, months: dict[Month, int]
    ) -> SessionSpend:
        data = decode_data(event.envelope)
        if isinstance(data, session.SessionRequested):
            return admitted(data, await self._books.find(db, key[0], data.price_book))
        if isinstance(data, UsageEvent):
            book = await self._books.find(db, key[0], spend.price_book)
            spend, amount = used(spend, data, book)
            month = (key[0], month_of(parse_time(event.envelope.time)), book.currency)
            months[month] = months.get(month, 0) + amount
            return spend
        return over(spend) if isinstance(data, _OVER) else spend


def _tells(event: Recorded) -> bool:
    family, _, verb = event.envelope.type.partition(".")
    return family == "usage" or (family == "session" and verb in _TYPES)


def _key(event: Recorded) -> Session:
    return event.envelope.customer, SessionId(event.envelope.subject)


async def _load(db: Db, keys: Iterable[Session]) -> dict[Session, SessionSpend]:
    wanted = list(keys)
    found = await db.fetch(
        f"select {', '.join(_COLUMNS)} from session_spend"  # noqa: S608 (names of this file)
        " where (customer, session) in (select * from unnest($1::text[], $2::text[]))",
        [customer for customer, _ in wanted],
        [id for _, id in wanted],
    )
    return {
        (row["customer"], row["session"]): SessionSpend(
            **{**{field: row[field] for field in _FIELDS}, "spent_nano": int(row["spent_nano"])}
        )
        for row in found
    }


def _values(spend: SessionSpend) -> list[object]:
    return [
        Decimal(value) if field == "spent_nano" else value for field, value in msgspec.structs.asdict(spend).items()
    ]


async def _add(db: Db, months: dict[Month, int]) -> None:
    await db.executemany(
        "insert into month_spend as m (customer, month, currency, spent_nano) values ($1, $2, $3, $4)"
        " on conflict (customer, month, currency) do update set spent_nano = m.spent_nano + excluded.spent_nano",
        [(*month, Decimal(amount)) for month, amount in months.items()],
    )
