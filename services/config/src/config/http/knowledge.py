"""/api/knowledge/documents"""

import datetime
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from chassis.http.app import Caller, PathId
from chassis.http.pages import DEFAULT_LIMIT, BadCursor, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import BadPosition, PositionText, position
from chassis.postgres.faults import Behind, PositionOfAnotherLog
from chassis.postgres.pool import Pool
from chassis.postgres.wait import wait_for_position
from config.adapters.reading_progress import Progress, progress_of
from config.domain.knowledge_document import Kept, NoSuchDocument, State, Status
from config.domain.uploads import (
    MAX_BYTES,
    MAX_NAME,
    MEDIA_TYPES,
    BadDocument,
    DocumentTooLarge,
    MediaTypeRefused,
    NotWhatItSays,
    declared_type,
)
from config.http.answers import encoded
from config.knowledge import KnowledgeBase, QueueFull, TooManyDocuments
from config.knowledge_search import chunk_id
from config.read_models.knowledge import Knowledge
from config.read_models.knowledge_queries import SERVICE, DocumentRow, chunks_of, documents_of
from contracts.ids import DocumentId
from contracts.positions import Position

KeepsKnowledge = NamedDependency[KnowledgeBase]
ReadModels = NamedDependency[Pool]
_WAIT_S = 2.0
_LIST = {"scope": "knowledge:read", "refuses": (BadCursor, BadPosition, Behind, PositionOfAnotherLog)}
_UPLOAD = (BadDocument, DocumentTooLarge, MediaTypeRefused, NotWhatItSays, QueueFull, TooManyDocuments)
_FIRST = -1


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


@post(
    "/api/knowledge/documents",
    opt={
        "scope": "knowledge:write",
        "idempotent": True,
        "accepts": MEDIA_TYPES,
        "max_body": MAX_BYTES,
        "refuses": _UPLOAD,
    },
    request_max_body_size=MAX_BYTES,
    status_code=202,
)
async def upload_document(
    request: Request[Any, Any, Any],
    principal: Caller,
    knowledge: KeepsKnowledge,
    name: Annotated[str, QueryParameter(min_length=1, max_length=MAX_NAME)],
    language: Annotated[str, QueryParameter(max_length=35)] = "en",
) -> DocumentAnswer:
    """Upload a document: its bytes are the body. It is read afterwards; ask for it to see how far that has come.

    `language` (BCP 47) is the document's, by which its words are understood.
    """
    media_type = declared_type(request.headers.get("content-type", ""))
    id, handled = await knowledge.upload(
        principal, name=name, media_type=media_type, language=language, content=await request.body()
    )
    return _answer(id, handled.state, handled.position, None)


@get("/api/knowledge/documents/{document_id:str}", opt={"scope": "knowledge:read", "refuses": (NoSuchDocument,)})
async def get_document(
    document_id: PathId, principal: Caller, knowledge: KeepsKnowledge, pool: ReadModels
) -> DocumentAnswer:
    """One document, and how far its reading has come."""
    id = DocumentId(document_id)
    stream = await knowledge.find(principal.customer, id)
    return _answer(id, stream.state, stream.position, await progress_of(pool, principal.customer, id))


@get("/api/knowledge/documents", opt=_LIST)
async def list_documents(
    principal: Caller,
    pool: ReadModels,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> DocumentPage:
    """Your documents."""
    after = decode_cursor(cursor, str) or ""
    await level(pool, min_position)
    found = await documents_of(pool, principal.customer, after=after, limit=limit + 1)
    rows, next_cursor = page_of(found, limit=limit, key=lambda row: row.id)
    return DocumentPage(data=[_summary(row) for row in rows], next_cursor=next_cursor)


@get("/api/knowledge/documents/{document_id:str}/chunks", opt={**_LIST, "refuses": (*_LIST["refuses"], NoSuchDocument)})
async def list_chunks(
    document_id: PathId,
    principal: Caller,
    knowledge: KeepsKnowledge,
    pool: ReadModels,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> ChunkPage:
    """The chunks of a document: none until it is ready."""
    after = decode_cursor(cursor, int)
    id = DocumentId(document_id)
    await knowledge.find(principal.customer, id)
    await level(pool, min_position)
    start = _FIRST if after is None else max(_FIRST, min(after, 2**31 - 1))
    found = await chunks_of(pool, principal.customer, id, after=start, limit=limit + 1)
    rows, next_cursor = page_of(found, limit=limit, key=lambda row: row.number)
    data = [
        ChunkAnswer(
            chunk=chunk_id(id, row.number), number=row.number, heading=row.heading, page=row.page, text=row.body
        )
        for row in rows
    ]
    return ChunkPage(data=data, next_cursor=next_cursor)


@delete("/api/knowledge/documents/{document_id:str}", opt={"scope": "knowledge:write", "refuses": (NoSuchDocument,)})
async def delete_document(document_id: PathId, principal: Caller, knowledge: KeepsKnowledge) -> None:
    """Delete a document for good: content and chunks cannot be read any more, and searches do not find it."""
    await knowledge.delete(principal, DocumentId(document_id))


async def level(pool: Pool, min_position: str | None, read_models: Sequence[str] = (Knowledge.name,)) -> None:
    """Wait until documents are as new as the asker wants them; raises BadPosition, Behind, PositionOfAnotherLog."""
    wanted = position(min_position, name="min_position")
    if wanted is None:
        return
    for name in read_models:
        await wait_for_position(pool, SERVICE, name, wanted, timeout_s=_WAIT_S)


def _answer(id: DocumentId, state: State, place: Position | None, working: Progress | None) -> DocumentAnswer:
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


def _summary(row: DocumentRow) -> DocumentSummary:
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


ROUTES = [upload_document, get_document, list_documents, list_chunks, delete_document]
