"""What /api/knowledge/documents gives."""

import datetime

import msgspec

from config.adapters.reading_progress import Progress
from config.domain.knowledge_document import Kept, State, Status
from config.handlers.knowledge_search import chunk_id
from config.http.answers import encoded
from config.read_models.knowledge_queries import ChunkRow, DocumentRow
from contracts.ids import DocumentId
from contracts.positions import Position


class ReadingProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Chunks that can be searched, of so many; 0 of 0 while their number is not known."""

    done: int
    total: int


class DocumentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A document, and how far its reading has come. `failure` says in a word why it failed.

    `sha256` (hex) and `size` (bytes) are those of what was uploaded; `pages` is 0 for what has none.
    """

    id: DocumentId
    name: str
    media_type: str
    language: str
    size: int
    status: Status
    progress: ReadingProgress
    failure: str = ""
    pages: int = 0
    sha256: str = ""
    position: str = ""


class DocumentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A document in a list."""

    id: DocumentId
    name: str
    media_type: str
    language: str
    size: int
    status: str
    progress: ReadingProgress
    failure: str
    uploaded_at: datetime.datetime


class DocumentPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of documents in the order of their upload; `next_cursor` is null on the last."""

    data: list[DocumentSummary]
    next_cursor: str | None = None


class ChunkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a document, as searches find it. `number` counts from 0; `heading` leads to it from the top."""

    chunk: str
    number: int
    heading: list[str]
    page: int
    text: str


class ChunkPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of chunks in the document's order; `next_cursor` is null on the last."""

    data: list[ChunkAnswer]
    next_cursor: str | None = None


def document_answer(id: DocumentId, state: State, place: Position | None, working: Progress | None) -> DocumentAnswer:
    """Of a document that is kept; `working` is how far its reader says that it has come."""
    assert isinstance(state, Kept)
    chunks = state.processed.chunks if state.processed else 0
    return DocumentAnswer(
        id=id,
        name=state.uploaded.name,
        media_type=state.uploaded.media_type,
        language=state.uploaded.language,
        size=state.uploaded.size,
        status=_status(state, working),
        progress=_progress(state, working, chunks),
        failure=state.failure,
        pages=state.processed.pages if state.processed else 0,
        sha256=state.uploaded.sha256,
        position=encoded(place),
    )


def _status(state: Kept, working: Progress | None) -> Status:
    if state.over:
        return "ready" if state.processed else "failed"
    return "processing" if working else "queued"


def _progress(state: Kept, working: Progress | None, chunks: int) -> ReadingProgress:
    if working is None or state.over:
        return ReadingProgress(done=chunks, total=chunks)
    return ReadingProgress(done=working.done, total=working.total)


def document_summary(row: DocumentRow) -> DocumentSummary:
    """Of a row of the list."""
    return DocumentSummary(
        id=row.id,
        name=row.name,
        media_type=row.media_type,
        language=row.language,
        size=row.size,
        status="processing" if row.working else row.status,
        progress=ReadingProgress(done=row.done, total=row.total),
        failure=row.failure,
        uploaded_at=row.uploaded_at,
    )


def chunk_answer(row: ChunkRow) -> ChunkAnswer:
    """Of a chunk."""
    return ChunkAnswer(
        chunk=chunk_id(row.document, row.number),
        number=row.number,
        heading=row.heading,
        page=row.page,
        text=row.body,
    )
