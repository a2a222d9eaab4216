"""Charges: one row per unit of each usage event, under the version of the price book that its session names.

Rows are never changed. What another version makes of them, a correction or one that was asked for, is a function of
these rows and that version (`ledger.domain.pricing.repriced`).
"""

from decimal import Decimal
from typing import Any

from asyncpg import Pool

from chassis.event_log import Recorded
from chassis.postgres.fetching import rows_of
from chassis.postgres.price_books import BookFinder
from chassis.projection import Db
from contracts.events.session import SessionRequested
from contracts.events.usage import UsageEvent
from contracts.ids import CustomerId, SessionId
from contracts.pricing import PriceBook
from contracts.registry import decode_data
from contracts.subjects import Log
from ledger.domain.pricing import Charge, Origin, charges

_TABLES = """
create table charge (
    event text not null,
    unit text not null,
    price_book text not null,
    customer text not null,
    session text not null,
    agent text not null,
    turn text not null,
    family text not null,
    provider text not null,
    model text not null,
    quantity bigint not null,
    amount_nano numeric(38) not null,
    currency text not null,
    priced boolean not null,
    payer text not null,
    customer_paid_nano numeric(38) not null,
    sequence bigint not null,
    index int not null,
    primary key (event, unit, price_book)
);
create index on charge (customer, session, sequence);
create table priced_session (
    customer text not null,
    session text not null,
    price_book text not null,
    primary key (customer, session)
);
"""

_COLUMNS = Charge.__struct_fields__
_AMOUNTS = ("amount_nano", "customer_paid_nano")

_INSERT = f"""
insert into charge ({", ".join(_COLUMNS)}, sequence, index)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::bigint[], $12::numeric[], $13::text[], $14::boolean[], $15::text[], $16::numeric[],
    $17::bigint[], $18::int[]
)
on conflict (event, unit, price_book) do nothing
"""  # noqa: S608 (the names of a Struct's fields)


Session = tuple[CustomerId, SessionId]


class Charges:
    """The projection; `book` names what sessions are priced by that name none. A usage event that came twice is charged
    once.
    """

    name = "charges"
    log = Log.SESSIONS
    tables = _TABLES

    def __init__(self, *, service: str, book: str) -> None:
        self._books = BookFinder(service=service, unnamed=book)

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """The lines of all usage events, those of the writer `late` too: what was used is billed."""
        await _note_books(db, events)
        used = [event for event in events if event.envelope.type.startswith("usage.")]
        if not used:
            return
        books = await self._books_of(db, {_session(event) for event in used})
        lines = [(event, line) for event in used for line in _charges(event, books[_session(event)])]
        columns: list[list[Any]] = [[_stored(line, name) for _, line in lines] for name in _COLUMNS]
        places = [event.position for event, _ in lines]
        await db.execute(_INSERT, *columns, [each.sequence for each in places], [each.index for each in places])

    async def _books_of(self, db: Db, sessions: set[Session]) -> dict[Session, PriceBook]:
        rows = await db.fetch(
            "select customer, session, price_book from priced_session"
            " where (customer, session) in (select * from unnest($1::text[], $2::text[]))",
            [customer for customer, _ in sessions],
            [session for _, session in sessions],
        )
        named = {(row["customer"], row["session"]): row["price_book"] for row in rows}
        return {one: await self._books.find(db, one[0], named.get(one, "")) for one in sessions}


async def charges_of(pool: Pool, *, customer: CustomerId, session: str) -> list[Charge]:
    """A session's lines in log order, under the version that it names."""
    rows = await rows_of(
        pool,
        customer,
        f"select {', '.join(_COLUMNS)} from charge where customer = $1 and session = $2"  # noqa: S608
        " order by sequence, index, unit",
        customer,
        session,
    )
    return [Charge(**{**dict(row), **{name: int(row[name]) for name in _AMOUNTS}}) for row in rows]


async def book_named_by(pool: Pool, *, customer: CustomerId, session: str) -> str:
    """The version that a session names; empty where it names none."""
    query = "select price_book from priced_session where customer = $1 and session = $2"
    rows = await rows_of(pool, customer, query, customer, session)
    return str(rows[0]["price_book"]) if rows else ""


async def _note_books(db: Db, events: list[Recorded]) -> None:
    """Which version each new session names."""
    requests = [
        (*_session(event), data.price_book)
        for event in events
        if event.envelope.type == "session.requested"
        and isinstance(data := decode_data(event.envelope), SessionRequested)
        and data.price_book
    ]
    if requests:
        await db.executemany(
            "insert into priced_session (customer, session, price_book) values ($1, $2, $3) on conflict do nothing",
            requests,
        )


def _charges(event: Recorded, book: PriceBook) -> list[Charge]:
    envelope, usage = event.envelope, decode_data(event.envelope)
    assert isinstance(usage, UsageEvent)
    customer, session = _session(event)
    family = envelope.type.removeprefix("usage.")
    origin = Origin(event=envelope.id, customer=customer, session=session, family=family)
    return charges(usage, origin=origin, book=book)


def _stored(line: Charge, name: str) -> Any:
    value = getattr(line, name)
    return Decimal(value) if name in _AMOUNTS else value


def _session(event: Recorded) -> Session:
    return event.envelope.customer, SessionId(event.envelope.subject)
