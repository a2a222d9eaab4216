"""How far the reading of a document has come: a note that its reader keeps, gone when it is done."""

from typing import NamedTuple

from chassis.postgres.pool import Pool
from chassis.postgres.row_security import customers_rows
from contracts.ids import CustomerId, DocumentId


class Progress(NamedTuple):
    """Chunks that are done, of so many; 0 of 0 while it is not known how many there will be."""

    done: int
    total: int


async def note_progress(pool: Pool, customer: CustomerId, document: DocumentId, progress: Progress) -> None:
    """Say where it stands."""
    async with customers_rows(pool, customer) as db:
        await db.execute(
            "insert into knowledge_work (customer, document, done, total) values ($1, $2, $3, $4)"
            " on conflict (customer, document) do update set done = excluded.done, total = excluded.total",
            *(customer, document, *progress),
        )


async def progress_of(pool: Pool, customer: CustomerId, document: DocumentId) -> Progress | None:
    """Where it stands; None where nobody has begun, or all is done."""
    async with customers_rows(pool, customer) as db:
        row = await db.fetchrow(
            "select done, total from knowledge_work where customer = $1 and document = $2", customer, document
        )
    return Progress(*row) if row else None


async def forget_progress(pool: Pool, customer: CustomerId, document: DocumentId) -> None:
    """It is done."""
    async with customers_rows(pool, customer) as db:
        await db.execute("delete from knowledge_work where customer = $1 and document = $2", customer, document)
