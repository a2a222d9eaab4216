"""What is asked of the knowledge read models: lists, counts, and the two rankings of a search.

Every statement names the customer, and runs behind the wall between customers (ADR 27). Words and vectors are looked
for among all chunks of one customer: behind that wall no index of words can be used, and an approximate index of
vectors would lose neighbours. Both are bounded by how many documents a customer may have.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from chassis.postgres.fetching import rows_of
from chassis.postgres.pool import Pool
from config.domain.chunk_file import as_text
from contracts.ids import CustomerId, DocumentId

SERVICE = "config"

Place = tuple[str, int]
"""A chunk: its document, and its number there."""


class DocumentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A document as lists show it."""

    id: DocumentId
    name: str
    media_type: str
    size: int
    language: str
    status: str
    failure: str
    chunks: int
    pages: int
    uploaded_at: datetime
    updated_at: datetime
    done: int
    total: int
    working: bool


class ChunkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk; `name` is its document's."""

    document: DocumentId
    number: int
    name: str
    heading: list[str]
    page: int
    body: str


class Counts(NamedTuple):
    """How many documents a customer has, and how many of them wait to be read."""

    documents: int
    queued: int


async def counts_of(pool: Pool, customer: CustomerId) -> Counts:
    """As the read model has it now."""
    statement = "select status, count(*) from knowledge_document where customer = $1 group by status"
    found = {row[0]: row[1] for row in await rows_of(pool, customer, statement, customer)}
    return Counts(sum(found.values()), found.get("queued", 0))


async def documents_of(pool: Pool, customer: CustomerId, *, after: str, limit: int) -> list[DocumentRow]:
    """A customer's documents by id, which is the order of their upload; those after the id `after`."""
    found = await rows_of(
        pool,
        customer,
        "select d.id, d.name, d.media_type, d.size, d.language, d.status, d.failure, d.chunks, d.pages,"
        " d.uploaded_at, d.updated_at, coalesce(w.done, d.chunks) as done, coalesce(w.total, d.chunks) as total,"
        " w.document is not null as working from knowledge_document d left join knowledge_work w"
        " on d.status = 'queued' and w.customer = d.customer and w.document = d.id"
        ' where d.customer = $1 and d.id collate "C" > $2 order by d.id collate "C" limit $3',
        *(customer, after, limit),
    )
    return [DocumentRow(**dict(row)) for row in found]


async def chunks_of(
    pool: Pool, customer: CustomerId, document: DocumentId, *, after: int, limit: int
) -> list[ChunkRow]:
    """A document's chunks in its order, those after the number `after`."""
    found = await rows_of(
        pool,
        customer,
        f"{_CHUNKS} where c.customer = $1 and c.document = $2 and c.number > $3 order by c.number limit $4",
        *(customer, document, after, limit),
    )
    return [ChunkRow(**dict(row)) for row in found]


async def chunks_at(pool: Pool, customer: CustomerId, places: Sequence[Place]) -> dict[Place, ChunkRow]:
    """Those of the chunks that are still there."""
    found = await rows_of(
        pool,
        customer,
        f"{_CHUNKS} join unnest($2::text[], $3::int[]) as wanted (document, number)"
        " on wanted.document = c.document and wanted.number = c.number where c.customer = $1",
        *(customer, [document for document, _ in places], [number for _, number in places]),
    )
    return {(row["document"], row["number"]): ChunkRow(**dict(row)) for row in found}


async def by_words(
    pool: Pool, customer: CustomerId, query: str, *, documents: Sequence[DocumentId] | None, limit: int
) -> list[Place]:
    """Chunks that hold words of the query, best first."""
    found = await rows_of(pool, customer, _BY_WORDS, customer, query, documents, limit)
    return [(row["document"], row["number"]) for row in found]


async def by_meaning(
    pool: Pool, customer: CustomerId, vector: bytes, *, model: str, documents: Sequence[DocumentId] | None, limit: int
) -> list[Place]:
    """Chunks whose vectors by this model point where `vector` does (cosine), nearest first."""
    asked = (customer, as_text(vector), model, len(vector) // 4, documents, limit)
    found = await rows_of(pool, customer, _BY_MEANING, *asked)
    return [(row["document"], row["number"]) for row in found]


_CHUNKS = (
    "select c.document, c.number, d.name, c.heading, c.page, c.body from knowledge_chunk c"
    " join knowledge_document d on d.customer = c.customer and d.id = c.document"
)

_BY_WORDS = """
with asked as (
    select config, websearch_to_tsquery(config::regconfig, $2) as strict
    from (
        select distinct config from knowledge_document
        where customer = $1 and ($3::text[] is null or id = any ($3))
    ) spoken
),
-- A question in whole sentences has words that no passage has: any of them will do, unless the asker was exact.
loose as (
    select config, strict, case when strict::text like '%!%' or $2 like '%"%' then strict
        else replace(strict::text, '&', '|')::tsquery end as query
    from asked where numnode(strict) > 0
)
select c.document, c.number
from loose l
join knowledge_chunk c on c.config = l.config and c.words @@ l.query
where c.customer = $1 and ($3::text[] is null or c.document = any ($3))
order by c.words @@ l.strict desc, ts_rank_cd(c.words, l.query, 1) desc, c.document, c.number
limit $4
"""

_BY_MEANING = """
select document, number from knowledge_vector
where customer = $1 and model = $3 and dimensions = $4 and ($5::text[] is null or document = any ($5))
order by embedding <=> $2::text::vector, document, number
limit $6
"""
