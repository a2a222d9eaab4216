"""The vectors of chunks, where an embedding endpoint is configured: what meaning is compared by. Needs pgvector.

There is no approximate index: pgvector narrows to a customer's documents after the index, and would lose neighbours.
"""

import asyncio

from chassis.event_log import Recorded
from chassis.projection import Db
from config.domain.chunk_file import ChunkFile, as_text
from config.read_models.knowledge import FAMILY, ReadChunks
from contracts.envelope import Envelope
from contracts.events.knowledge_document import (
    KnowledgeDocumentDeleted,
    KnowledgeDocumentProcessed,
    KnowledgeDocumentUploaded,
)
from contracts.ids import DocumentId
from contracts.registry import EventData, decode_data
from contracts.subjects import Log

EXTENSION = "create extension if not exists vector with schema public"


class KnowledgeVectors:
    """The projection. A table of keys stands beside it: an event that comes later does not name its document's key."""

    name = "knowledge_vectors"
    log = Log.CONFIG
    tables = """
    create table knowledge_key (
        customer text not null,
        document text not null,
        key text not null,
        primary key (customer, document)
    );
    create table knowledge_vector (
        customer text not null,
        document text not null,
        number int not null,
        model text not null,
        dimensions int not null,
        embedding vector not null,
        primary key (customer, document, number)
    );
    """

    def __init__(self, read: ReadChunks) -> None:
        self._read = read

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """See the port."""
        for one in events:
            if one.envelope.type.partition(".")[0] == FAMILY:
                await self._apply(db, one.envelope, decode_data(one.envelope))

    async def _apply(self, db: Db, envelope: Envelope, data: EventData) -> None:
        whose = (envelope.customer, DocumentId(envelope.subject))
        match data:
            case KnowledgeDocumentUploaded(key=key):
                await db.execute("insert into knowledge_key (customer, document, key) values ($1, $2, $3)", *whose, key)
            case KnowledgeDocumentProcessed(blob=blob) if data.model:
                key = await db.fetchval("select key from knowledge_key where customer = $1 and document = $2", *whose)
                file = await self._read(*whose, key, blob) if key else None
                vectors = await asyncio.to_thread(_texts, file)  # of a long document they take a second
                await db.execute("delete from knowledge_vector where customer = $1 and document = $2", *whose)
                await db.executemany(
                    "insert into knowledge_vector (customer, document, number, model, dimensions, embedding)"
                    " values ($1, $2, $3, $4, $5, $6::text::vector)",
                    [
                        (*whose, chunk.number, file.model, file.dimensions, vector)
                        for chunk, vector in zip(file.chunks, vectors, strict=True)
                    ]
                    if file
                    else [],
                )
            case KnowledgeDocumentDeleted():
                for table in ("knowledge_vector", "knowledge_key"):
                    await db.execute(
                        f"delete from {table} where customer = $1 and document = $2",  # noqa: S608 (a name above)
                        *whose,
                    )
            case _:
                pass


def _texts(file: ChunkFile | None) -> list[str]:
    return [as_text(vector) for vector in file.vectors] if file else []
