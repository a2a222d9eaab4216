"""Reading one document: from what was uploaded, or read before, to chunks that can be searched.

Whatever a document does, it ends in an event or in an error that says to try again; nothing is told before it is kept.
"""

import asyncio
from typing import NamedTuple

import structlog

from chassis.postgres.pool import Pool
from chassis.sealing import SealBroken
from chassis.vault import KeyUnknown
from config.adapters.embeddings import BATCH, Embeddings, EmbeddingsUnavailable, Vectors
from config.adapters.reader import Reader
from config.adapters.reading_progress import Progress, forget_progress, note_progress
from config.adapters.sealed_blobs import BlobGone, SealedBlobs
from config.domain.blocks import Unreadable
from config.domain.chunk_file import BadChunkFile, ChunkFile, decode_chunks, encode_chunks
from config.domain.chunking import Chunk, chunked, title_of
from config.domain.knowledge_document import Kept, NoSuchDocument
from config.handlers.knowledge import KnowledgeBase, Owner
from contracts.events.knowledge_document import KnowledgeDocumentProcessed

log = structlog.get_logger()

_EMBED_S = 30.0
_EMBED_PAUSES_S = (0.5, 2.0)


class _Embedded(NamedTuple):
    file: ChunkFile
    input_tokens: int


class DocumentReading:
    """Reads for whoever owns the document."""

    def __init__(
        self,
        *,
        knowledge: KnowledgeBase,
        blobs: SealedBlobs,
        reader: Reader,
        embeddings: Embeddings | None,
        pool: Pool,
    ) -> None:
        self._knowledge, self._blobs, self._reader, self._embeddings = knowledge, blobs, reader, embeddings
        self._pool = pool

    @property
    def model(self) -> str:
        """The model that embeds; empty where none does."""
        return self._embeddings.model if self._embeddings else ""

    async def read(self, owner: Owner) -> bool:
        """Whether there was something to do. Raises NoSuchDocument, KeyUnknown, and what log and database raise."""
        kept = (await self._knowledge.find(owner.customer, owner.document)).state
        assert isinstance(kept, Kept)
        if kept.failure or (kept.processed is not None and self.model in ("", kept.processed.model)):
            return False
        await note_progress(self._pool, owner.customer, owner.document, Progress(0, 0))
        try:
            await self._settle(owner, kept)
        except KeyUnknown:
            raise  # this process was not given a key that others have: the document is none the worse
        except (Unreadable, BlobGone, SealBroken, BadChunkFile) as why:
            log.info("document_not_readable", document=owner.document, code=why.code)
            await self._knowledge.fail(owner, why.code)
        finally:
            await forget_progress(self._pool, owner.customer, owner.document)
        return True

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
