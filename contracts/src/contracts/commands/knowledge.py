"""Asking config for what a customer's documents say, for an agent in a session."""

import msgspec

from contracts.ids import CustomerId, DocumentId

MAX_QUERY = 1000
"""Characters of a query."""

MAX_PASSAGES = 20
"""Passages of an answer."""


class SearchKnowledge(msgspec.Struct, frozen=True, kw_only=True):
    """Find passages of this customer's documents; `documents` narrows to some, None is all of them."""

    customer: CustomerId
    query: str
    documents: list[DocumentId] | None = None
    limit: int = 5


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that was found. `heading` leads to it from the document's top; `page` counts from 1, 0 where there is
    none. A higher `score` is a better place; scores of different searches cannot be compared.
    """

    chunk: str
    document: DocumentId
    name: str
    heading: list[str]
    page: int
    text: str
    score: float


class EmbeddingUse(msgspec.Struct, frozen=True, kw_only=True):
    """What it took to embed the query."""

    provider: str
    model: str
    input_tokens: int


class KnowledgeFound(msgspec.Struct, frozen=True, kw_only=True, tag="found"):
    """The best passages first. `hybrid` says whether meaning was compared too, or words alone."""

    passages: list[Passage]
    hybrid: bool
    used: EmbeddingUse | None = None


class KnowledgeRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """There can be no such search."""

    why: str


KnowledgeAnswer = KnowledgeFound | KnowledgeRefused
