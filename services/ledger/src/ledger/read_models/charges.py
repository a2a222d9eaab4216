"""Charges: one row per unit of each usage event, under one version of the price book. Rows are never changed."""

from decimal import Decimal
from typing import Any

from asyncpg import Pool

from chassis.event_log import Recorded
from chassis.postgres.fetching import rows_of
from chassis.projection import Db
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
    sequence bigint not null,
    index int not null,
    primary key (event, unit, price_book)
);
create index on charge (customer, session, sequence);
"""

_COLUMNS = Charge.__struct_fields__

_INSERT = f"""
insert into charge ({", ".join(_COLUMNS)}, sequence, index)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::bigint[], $12::numeric[], $13::text[], $14::boolean[], $15::bigint[], $16::int[]
)
on conflict (event, unit, price_book) do nothing
"""  # noqa: S608 (the names of a Struct's fields)


class Charges:
    """The projection, for one price book. A usage event that came twice is charged once."""

    name = "charges"
    log = Log.SESSIONS
    tables = _TABLES

    def __init__(self, *, book: PriceBook) -> None:
        self._book = book

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """The lines of all usage events, those of the writer `late` too: what was used is billed."""
        lines = [(event, line) for event in events for line in self._charges(event)]
        if not lines:
            return
        columns: list[list[Any]] = [[getattr(line, name) for _, line in lines] for name in _COLUMNS]
        amounts = _COLUMNS.index("amount_nano")
        columns[amounts] = [Decimal(amount) for amount in columns[amounts]]
        places = [event.position for event, _ in lines]
        await db.execute(_INSERT, *columns, [each.sequence for each in places], [each.index for each in places])

    def _charges(self, event: Recorded) -> list[Charge]:
        envelope = event.envelope
        if not envelope.type.startswith("usage."):
            return []
        origin = Origin(
            event=envelope.id,
            customer=envelope.customer,
            session=SessionId(envelope.subject),
            family=envelope.type.removeprefix("usage."),
        )
        return charges(_usage(event), origin=origin, book=self._book)


async def charges_of(pool: Pool, *, customer: CustomerId, session: str, price_book: str) -> list[Charge]:
    """A session's lines under one price book, in log order."""
    rows = await rows_of(
        pool,
        customer,
        f"select {', '.join(_COLUMNS)} from charge where customer = $1 and session = $2 and price_book = $3"  # noqa: S608
        " order by sequence, index, unit",
        customer,
        session,
        price_book,
    )
    return [Charge(**{**dict(row), "amount_nano": int(row["amount_nano"])}) for row in rows]


def _usage(event: Recorded) -> UsageEvent:
    data = decode_data(event.envelope)
    assert isinstance(data, UsageEvent)
    return data
