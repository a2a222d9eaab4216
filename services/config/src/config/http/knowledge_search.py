"""POST /api/knowledge/search"""

from typing import Annotated

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from chassis.http.app import Caller
from chassis.http.parameters import BadPosition
from chassis.postgres.faults import Behind, PositionOfAnotherLog
from chassis.postgres.pool import Pool
from config.handlers.knowledge_search import KnowledgeSearch, Mode, WhyTextOnly
from config.http.knowledge import level
from contracts.commands.knowledge import MAX_PASSAGES, MAX_QUERY, Passage
from contracts.ids import ID_PATTERN, DocumentId

Searches = NamedDependency[KnowledgeSearch]
_DocumentId = Annotated[DocumentId, msgspec.Meta(pattern=ID_PATTERN)]


class SearchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question or key words; in double quotes what has to stand so, with a minus what must not.

    `documents` narrows the search to some. The answer is as new as `min_position`, where it is given.
    """

    query: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_QUERY)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PASSAGES)] = 5
    documents: Annotated[list[_DocumentId], msgspec.Meta(max_length=100)] | None = None
    min_position: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Passages, best first. `mode` says how they were found: `hybrid` is by words and by meaning, `text` is by words
    alone, for the reason of `why_text_only`.
    """

    results: list[Passage]
    mode: Mode
    why_text_only: WhyTextOnly = ""


@post(
    "/api/knowledge/search",
    opt={"scope": "knowledge:read", "refuses": (BadPosition, Behind, PositionOfAnotherLog)},
    status_code=200,
)
async def search_knowledge(
    data: JSONBody[SearchRequest], principal: Caller, search: Searches, pool: NamedDependency[Pool]
) -> SearchAnswer:
    """Search your documents: by words, and by meaning where an embedding endpoint is configured."""
    await level(pool, data.min_position, search.read_models)
    found = await search.search(principal.customer, data.query, documents=data.documents, limit=data.limit)
    return SearchAnswer(results=found.passages, mode=found.mode, why_text_only=found.why_text_only)


ROUTES = [search_knowledge]
