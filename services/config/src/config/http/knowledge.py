"""/api/knowledge/documents"""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from chassis.http.app import Caller, PathId
from chassis.http.pages import DEFAULT_LIMIT, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import PositionText, position
from chassis.postgres.pool import Pool
from chassis.postgres.wait import wait_for_position
from config.adapters.reading_progress import progress_of
from config.domain.knowledge_document import NoSuchDocument
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
from config.handlers.knowledge import KnowledgeBase, QueueFull, TooManyDocuments
from config.http.document_bodies import (
    ChunkPage,
    DocumentAnswer,
    DocumentPage,
    chunk_answer,
    document_answer,
    document_summary,
)
from config.http.lists import LISTS, ReadModels
from config.read_models.knowledge import Knowledge
from config.read_models.knowledge_queries import SERVICE, chunks_of, documents_of
from contracts.ids import DocumentId

KeepsKnowledge = NamedDependency[KnowledgeBase]
_WAIT_S = 2.0
_LIST = {"scope": "knowledge:read", "refuses": LISTS}
_UPLOAD = (BadDocument, DocumentTooLarge, MediaTypeRefused, NotWhatItSays, QueueFull, TooManyDocuments)
_FIRST = -1


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
    return document_answer(id, handled.state, handled.position, None)


@get("/api/knowledge/documents/{document_id:str}", opt={"scope": "knowledge:read", "refuses": (NoSuchDocument,)})
async def get_document(
    document_id: PathId, principal: Caller, knowledge: KeepsKnowledge, pool: ReadModels
) -> DocumentAnswer:
    """One document, and how far its reading has come."""
    id = DocumentId(document_id)
    stream = await knowledge.find(principal.customer, id)
    return document_answer(id, stream.state, stream.position, await progress_of(pool, principal.customer, id))


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
    return DocumentPage(data=[document_summary(row) for row in rows], next_cursor=next_cursor)


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
    return ChunkPage(data=[chunk_answer(row) for row in rows], next_cursor=next_cursor)


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


ROUTES = [upload_document, get_document, list_documents, list_chunks, delete_document]
