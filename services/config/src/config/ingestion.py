"""Reads what was uploaded: one owner per document over all processes, and after a crash somebody goes on.

What waits is folded from the log, so nothing can be lost between an upload and its reading; who reads a document holds
a lock that ends with its connection. The bounds of the queue are those of KnowledgeBase.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import asyncpg
import structlog

from chassis.errors import Unavailable
from chassis.event_log import Commit, EventLog, LogFault
from chassis.log_fold import LogFold
from chassis.postgres.names import lock_key
from chassis.postgres.pool import Pool, direct
from chassis.sealing import SealBroken
from config.adapters.embeddings import BATCH, Embeddings, EmbeddingsUnavailable, Vectors
from config.adapters.reader import Reader
from config.adapters.reading_progress import Progress, forget_progress, note_progress
from config.adapters.sealed_blobs import BlobGone, SealedBlobs
from config.domain.blocks import Unreadable
from config.domain.chunk_file import BadChunkFile, ChunkFile, decode_chunks, encode_chunks
from config.domain.chunking import Chunk, chunked, title_of
from config.domain.knowledge_document import Kept, NoSuchDocument
from config.knowledge import KIND, KnowledgeBase, Owner
from contracts.envelope import Envelope, decode_commit
from contracts.events.knowledge_document import (
    KnowledgeDocumentDeleted,
    KnowledgeDocumentFailed,
    KnowledgeDocumentProcessed,
    KnowledgeDocumentUploaded,
)
from contracts.ids import CustomerId, DocumentId
from contracts.registry import decode_data
from contracts.subjects import Log

log = structlog.get_logger()

READERS = 2
"""Documents that one process reads at once."""

_ANOTHER_S = 1.0
_TROUBLE_S = 5.0
_NO_VECTORS_S = 60.0
_EMBED_S = 30.0
_EMBED_PAUSES_S = (0.5, 2.0)

_Id = tuple[CustomerId, DocumentId]


class _Embedded(NamedTuple):
    file: ChunkFile
    input_tokens: int


class _Waiting:
    """A document that someone has to read, not before `not_before` of the loop's clock."""

    def __init__(self, owner: Owner) -> None:
        self.owner, self.not_before, self.busy = owner, 0.0, False


class Ingestion(LogFold):
    """Use `follow` and `run` as two tasks. At the start, what another model embedded, or none did, is embedded anew."""

    def __init__(
        self,
        *,
        log: EventLog,
        knowledge: KnowledgeBase,
        blobs: SealedBlobs,
        reader: Reader,
        embeddings: Embeddings | None,
        pool: Pool,
        dsn: str,
    ) -> None:
        super().__init__(log=log, name=Log.CONFIG)
        self._knowledge, self._blobs, self._reader, self._embeddings = knowledge, blobs, reader, embeddings
        self._pool, self._dsn = pool, dsn
        self._waiting: dict[_Id, _Waiting] = {}
        self._served: dict[CustomerId, int] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Read what waits, for ever."""
        await self.caught_up.wait()
        async with asyncio.TaskGroup() as group:
            for number in range(READERS):
                group.create_task(self._read_on(), name=f"config.ingestion.{number}")

    def _apply(self, commit: Commit) -> None:
        if commit.subject.split(".")[2] != KIND:
            return
        for envelope in decode_commit(commit.payload):
            self._evolve(envelope)
        self._changed.set()

    def _evolve(self, envelope: Envelope) -> None:
        id = (envelope.customer, DocumentId(envelope.subject))
        match decode_data(envelope):
            case KnowledgeDocumentUploaded():
                self._waiting[id] = _Waiting(Owner(*id, envelope.livemode))
            case KnowledgeDocumentProcessed() as processed:
                if not self._lacks_vectors(processed):
                    self._waiting.pop(id, None)
                elif id in self._waiting and self.caught_up.is_set():
                    self._waiting[id].not_before = _now() + _NO_VECTORS_S
            case KnowledgeDocumentFailed() | KnowledgeDocumentDeleted():
                self._waiting.pop(id, None)
            case _:
                pass

    def _lacks_vectors(self, processed: KnowledgeDocumentProcessed) -> bool:
        """Those of another model count as none only at the start: two releases would undo each other's work."""
        if self._embeddings is None:
            return False
        return not processed.model or (processed.model != self._embeddings.model and not self.caught_up.is_set())

    def _is_done(self, processed: KnowledgeDocumentProcessed | None) -> bool:
        return processed is not None and (self._embeddings is None or processed.model == self._embeddings.model)

    async def _read_on(self) -> None:
        while True:
            self._changed.clear()
            waiting = self._next()
            if waiting is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_ANOTHER_S):
                        await self._changed.wait()
                continue
            waiting.busy = True
            try:
                waiting.not_before = _now() + await self._attempt(waiting.owner)
            finally:
                waiting.busy = False

    def _next(self) -> _Waiting | None:
        """The longest waiting document of the customer that was served least."""
        ready = [one for one in self._waiting.values() if not one.busy and one.not_before <= _now()]
        found = min(ready, key=lambda one: self._served.get(one.owner.customer, 0), default=None)
        if found is not None:
            customer = found.owner.customer
            self._served[customer] = self._served.get(customer, 0) + 1
        return found

    async def _attempt(self, owner: Owner) -> float:
        """Read one document, if nobody else does; in how many seconds it may be tried again, should it still wait."""
        try:
            async with self._owned(owner) as ours:
                return await self._process(owner) if ours else _ANOTHER_S
        except NoSuchDocument:
            self._waiting.pop((owner.customer, owner.document), None)
        except (LogFault, Unavailable, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("document_not_read_yet", document=owner.document, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 (a boundary: one document must not keep the others from being read)
            log.error("document_reading_broken", document=owner.document, fault=type(error).__name__)
            return _NO_VECTORS_S
        return _TROUBLE_S

    @contextlib.asynccontextmanager
    async def _owned(self, owner: Owner) -> AsyncIterator[bool]:
        async with direct(self._dsn, name="config.ingestion") as connection:
            key = lock_key("knowledge", owner.customer, owner.document)
            yield await connection.fetchval("select pg_try_advisory_lock($1)", key)

    async def _process(self, owner: Owner) -> float:
        kept = (await self._knowledge.find(owner.customer, owner.document)).state
        assert isinstance(kept, Kept)
        if kept.failure or self._is_done(kept.processed):
            self._waiting.pop((owner.customer, owner.document), None)
            return 0
        await note_progress(self._pool, owner.customer, owner.document, Progress(0, 0))
        try:
            await self._settle(owner, kept)
        except Unreadable as unreadable:
            await self._knowledge.fail(owner, unreadable.code)
        except (BlobGone, SealBroken, BadChunkFile) as gone:
            log.error("document_content_lost", document=owner.document, code=gone.code)
            await self._knowledge.fail(owner, gone.code)
        finally:
            await forget_progress(self._pool, owner.customer, owner.document)
        return _NO_VECTORS_S

    async def _settle(self, owner: Owner, kept: Kept) -> None:
        """Chunks, their vectors where there is an endpoint, and the event that names both."""
        chunks, pages = await self._chunks(owner, kept)
        file, input_tokens = await self._embedded(owner, title_of(kept.uploaded.name), chunks)
        if kept.processed is not None and not file.model:
            return
        blob = await self._blobs.put(owner.customer, owner.document, kept.uploaded.key, encode_chunks(file))
        processed = KnowledgeDocumentProcessed(
            chunks=len(chunks),
            blob=blob,
            pages=pages,
            model=file.model,
            dimensions=file.dimensions,
            input_tokens=input_tokens,
        )
        try:
            await self._knowledge.process(owner, processed)
        except NoSuchDocument:
            await self._blobs.delete(blob)
            raise

    async def _chunks(self, owner: Owner, kept: Kept) -> tuple[list[Chunk], int]:
        """Those that were read before, or those of the content. Raises Unreadable, BlobGone, SealBroken."""
        key = kept.uploaded.key
        if kept.processed is not None:
            content = await self._blobs.get(owner.customer, owner.document, key, kept.processed.blob)
            return decode_chunks(content).chunks, kept.processed.pages
        content = await self._blobs.get(owner.customer, owner.document, key, kept.uploaded.blob)
        reading = await self._reader.read(kept.uploaded.media_type, content)
        return await asyncio.to_thread(chunked, reading.blocks), reading.pages

    async def _embedded(self, owner: Owner, title: str, chunks: list[Chunk]) -> _Embedded:
        """With vectors; without, where there is no endpoint or it does not answer: words can be searched at once."""
        bare = _Embedded(ChunkFile(chunks=chunks), 0)
        if self._embeddings is None:
            return bare
        vectors: list[bytes] = []
        tokens = 0
        for start in range(0, len(chunks), BATCH):
            await note_progress(self._pool, owner.customer, owner.document, Progress(start, len(chunks)))
            try:
                found = await _patiently(self._embeddings, [one.within(title) for one in chunks[start : start + BATCH]])
            except EmbeddingsUnavailable as error:
                log.warning("document_not_embedded", document=owner.document, why=str(error))
                return bare
            vectors += found.values
            tokens += found.used.input_tokens
        model = self._embeddings
        file = ChunkFile(chunks=chunks, model=model.model, dimensions=model.dimensions, vectors=vectors)
        return _Embedded(file, tokens)


async def _patiently(embeddings: Embeddings, texts: list[str]) -> Vectors:
    for pause_s in _EMBED_PAUSES_S:
        try:
            return await embeddings.embed(texts, timeout_s=_EMBED_S)
        except EmbeddingsUnavailable:
            await asyncio.sleep(pause_s)
    return await embeddings.embed(texts, timeout_s=_EMBED_S)


def _now() -> float:
    return asyncio.get_running_loop().time()
