"""One row per customer, for operators to look through."""

from datetime import UTC, datetime

import msgspec

from chassis.event_log import Recorded
from chassis.postgres.fetching import all_rows
from chassis.postgres.pool import Pool
from chassis.projection import Db
from contracts.envelope import parse_time
from contracts.events.customer import (
    CustomerCapped,
    CustomerCreated,
    CustomerRenamed,
    CustomerResumed,
    CustomerSuspended,
)
from contracts.ids import CustomerId
from contracts.registry import EventData, decode_data
from contracts.subjects import Log


class CustomerRow(msgspec.Struct, kw_only=True):
    """A row while it is folded. `suspended` is the reason, null where the customer is not."""

    customer: CustomerId
    created_at: datetime
    name: str = ""
    cell: str = ""
    max_sessions: int = 0
    max_monthly_nano: int | None = None
    suspended: str | None = None


_FIELDS = CustomerRow.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_UPSERT = (
    f"insert into customer_list ({_COLUMNS})"  # noqa: S608 (names of this file)
    f" values ({', '.join(f'${number}' for number in range(1, len(_FIELDS) + 1))})"
    " on conflict (customer) do update set " + ", ".join(f"{column} = excluded.{column}" for column in _FIELDS[2:])
)
_PAGE = f"""
select {_COLUMNS} from customer_list
where customer collate "C" > $1 and ($2::bool is null or (suspended is not null) = $2)
order by customer collate "C" limit $3
"""  # noqa: S608 (names of this file)


class CustomerList:
    """The projection."""

    name = "customer_list"
    log = Log.CONFIG
    tables = """
    create table customer_list (
        customer text primary key,
        created_at timestamptz not null,
        name text not null,
        cell text not null,
        max_sessions int not null,
        max_monthly_nano bigint,
        suspended text
    );
    """

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """See the port."""
        told = [one.envelope for one in events if one.envelope.type.startswith("customer.")]
        if not told:
            return
        found = await db.fetch(
            f"select {_COLUMNS} from customer_list where customer = any($1::text[])",  # noqa: S608 (names of this file)
            sorted({envelope.customer for envelope in told}),
        )
        rows = {row["customer"]: CustomerRow(**dict(row)) for row in found}
        for envelope in told:
            created_at = parse_time(envelope.time).astimezone(UTC)
            row = rows.setdefault(envelope.customer, CustomerRow(customer=envelope.customer, created_at=created_at))
            _evolve(row, decode_data(envelope))
        await db.executemany(_UPSERT, [[getattr(row, field) for field in _FIELDS] for row in rows.values()])


async def customers_after(pool: Pool, after: str, *, suspended: bool | None, limit: int) -> list[CustomerRow]:
    """Customers by id, those after the id `after`. Raises ReadModelsOutOfReach."""
    return [CustomerRow(**dict(row)) for row in await all_rows(pool, _PAGE, after, suspended, limit)]


def _evolve(row: CustomerRow, data: EventData) -> None:
    match data:
        case CustomerCreated():
            row.name, row.cell, row.max_sessions = data.name, data.cell, data.max_sessions
        case CustomerRenamed():
            row.name = data.name
        case CustomerCapped():
            row.max_sessions, row.max_monthly_nano = data.max_sessions, data.max_monthly_nano
        case CustomerSuspended():
            row.suspended = data.reason
        case CustomerResumed():
            row.suspended = None
        case _:
            raise AssertionError("the events of a customer are a closed union")
