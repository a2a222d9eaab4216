"""Customers' documents, and their chunks as full text: what lists show and words are looked up in.

Chunks come from the blob that an event names, so that the same log and blobs give the same rows. Where the blob is
gone (its document was deleted later in the log) there are no rows. The words stand here in the clear: an index that
cannot be read cannot be searched.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from chassis.event_log import Recorded
from chassis.projection import Db
from config.domain.chunk_file import ChunkFile
from config.domain.chunking import title_of
from config.domain.languages import CONFIGURATIONS, text_search_configuration
from contracts.envelope import Envelope, parse_time
from contracts.events.knowledge_document import (
    KnowledgeDocumentDeleted,
    KnowledgeDocumentFailed,
    KnowledgeDocumentProcessed,
    KnowledgeDocumentUploaded,
)
from contracts.ids import CustomerId, DocumentId
from contracts.registry import EventData, decode_data
from contracts.subjects import Log

log = structlog.get_logger()

ReadChunks = Callable[[CustomerId, DocumentId, str, str], Awaitable[ChunkFile | None]]
"""The chunks of a document by the id of its key and the name of its blob; None where either is gone."""

FAMILY = "knowledge_document"
_CONFIGURATIONS = ", ".join(f"'{name}'" for name in CONFIGURATIONS)


class Knowledge:
    """The projection."""

    name = "knowledge"
    log = Log.CONFIG
    tables = f"""
    create table knowledge_document (
        customer text not null,
        id text not null,
        name text not null,
        media_type text not null,
        size bigint not null,
        sha256 text not null,
        language text not null,
        config text not null check (config in ({_CONFIGURATIONS})),
        key text not null,
        status text not null,
        failure text not null,
        chunks int not null,
        pages int not null,
        uploaded_at timestamptz not null,
        updated_at timestamptz not null,
        primary key (customer, id)
    );
    create table knowledge_chunk (
        customer text not null,
        document text not null,
        number int not null,
        heading text[] not null,
        page int not null,
        body text not null,
        config text not null check (config in ({_CONFIGURATIONS})),
        words tsvector not null,
        primary key (customer, document, number)
    );
    """

    def __init__(self, read: ReadChunks) -> None:
        self._read = read

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """See the port. Documents are few and each is large: they are written one by one."""
        for one in events:
            if one.envelope.type.partition(".")[0] == FAMILY:
                await self._apply(db, one.envelope, decode_data(one.envelope))

    async def _apply(self, db: Db, envelope: Envelope, data: EventData) -> None:
        customer, document = envelope.customer, DocumentId(envelope.subject)
        at = parse_time(envelope.time).astimezone(UTC)
        match data:
            case KnowledgeDocumentUploaded():
                await _insert(db, customer, document, data, at)
            case KnowledgeDocumentProcessed():
                await self._process(db, customer, document, data, at)
            case KnowledgeDocumentFailed():
                await db.execute(
                    "update knowledge_document set status = 'failed', failure = $3, updated_at = $4"
                    " where customer = $1 and id = $2",
                    *(customer, document, data.code, at),
                )
            case KnowledgeDocumentDeleted():
                await db.execute("delete from knowledge_chunk where customer = $1 and document = $2", *_id(envelope))
                await db.execute("delete from knowledge_document where customer = $1 and id = $2", *_id(envelope))
            case _:
                pass

    async def _process(
        self, db: Db, customer: CustomerId, document: DocumentId, data: KnowledgeDocumentProcessed, at: datetime
    ) -> None:
        row = await db.fetchrow(
            "update knowledge_document set status = 'ready', chunks = $3, pages = $4, updated_at = $5"
            " where customer = $1 and id = $2 returning key, config, name",
            *(customer, document, data.chunks, data.pages, at),
        )
        file = await self._read(customer, document, row["key"], data.blob) if row else None
        if file is None:
            log.info("knowledge_chunks_gone", customer=customer, document=document)
            return
        assert row is not None
        await db.execute("delete from knowledge_chunk where customer = $1 and document = $2", customer, document)
        title = title_of(row["name"])
        await db.executemany(
            "insert into knowledge_chunk (customer, document, number, heading, page, body, config, words)"
            " values ($1, $2, $3, $4, $5, $6, $7::text, setweight(to_tsvector($7::text::regconfig, $8), 'A')"
            " || setweight(to_tsvector($7::text::regconfig, $9), 'B')"
            " || setweight(to_tsvector($7::text::regconfig, $6), 'D'))",
            [
                (
                    *(customer, document, one.number, list(one.heading), one.page, one.text, row["config"]),
                    *(" ".join(one.heading), title),
                )
                for one in file.chunks
            ],
        )


def _id(envelope: Envelope) -> tuple[str, str]:
    return envelope.customer, envelope.subject


async def _insert(
    db: Db, customer: CustomerId, document: DocumentId, data: KnowledgeDocumentUploaded, at: datetime
) -> None:
    await db.execute(
        "insert into knowledge_document (customer, id, name, media_type, size, sha256, language, config, key, status,"
        " failure, chunks, pages, uploaded_at, updated_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'queued', '', 0, 0, $10, $10)",
        *(customer, document, data.name, data.media_type, data.size, data.sha256, data.language),
        *(text_search_configuration(data.language), data.key, at),
    )
