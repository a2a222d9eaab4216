"""Search in a customer's documents: by words, and by meaning where an embedding endpoint is configured and answers."""

import asyncio
from collections.abc import Sequence
from typing import Literal

import msgspec
import structlog

from chassis.postgres.pool import Pool
from config.adapters.embeddings import Embeddings, EmbeddingsUnavailable, Vectors
from config.domain.fusion import fused
from config.read_models.knowledge import Knowledge
from config.read_models.knowledge_queries import Place, by_meaning, by_words, chunks_at
from config.read_models.knowledge_vectors import KnowledgeVectors
from contracts.commands.knowledge import (
    MAX_PASSAGES,
    MAX_QUERY,
    EmbeddingUse,
    KnowledgeAnswer,
    KnowledgeFound,
    KnowledgeRefused,
    Passage,
    SearchKnowledge,
)
from contracts.ids import CustomerId, DocumentId

log = structlog.get_logger()

CANDIDATES = 50
"""Of each ranking that is merged."""

_EMBED_S = 1.5
"""In a call somebody waits: words alone are better than silence."""

Mode = Literal["hybrid", "text"]
WhyTextOnly = Literal["", "no_embedding_endpoint", "embedding_endpoint_unavailable"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Passages, best first; how they were found, and why by words alone, where it was so."""

    passages: list[Passage]
    mode: Mode
    why_text_only: WhyTextOnly = ""
    used: EmbeddingUse | None = None


class KnowledgeSearch:
    """Reads only. Raises what the database raises."""

    def __init__(self, *, pool: Pool, embeddings: Embeddings | None) -> None:
        self._pool, self._embeddings = pool, embeddings

    @property
    def read_models(self) -> tuple[str, ...]:
        """The names of those that are asked."""
        return (Knowledge.name, *([KnowledgeVectors.name] if self._embeddings else []))

    async def search(
        self, customer: CustomerId, query: str, *, documents: Sequence[DocumentId] | None = None, limit: int = 5
    ) -> Found:
        """The best `limit` passages of a customer's documents, or of some of them."""
        query = query.replace("\0", " ")  # which no text of PostgreSQL can hold
        words, vectors = await asyncio.gather(
            by_words(self._pool, customer, query, documents=documents, limit=CANDIDATES), self._embedded(query)
        )
        rankings = [words]
        if vectors is not None:
            model, [vector] = vectors.used.model, vectors.values
            near = by_meaning(self._pool, customer, vector, model=model, documents=documents, limit=CANDIDATES)
            rankings.append(await near)
        passages = await self._passages(customer, fused(rankings)[:limit])
        if vectors is not None:
            return Found(passages=passages, mode="hybrid", used=vectors.used)
        why: WhyTextOnly = "embedding_endpoint_unavailable" if self._embeddings else "no_embedding_endpoint"
        return Found(passages=passages, mode="text", why_text_only=why)

    async def answer(self, question: SearchKnowledge) -> KnowledgeAnswer:
        """The answer to SEARCH_KNOWLEDGE."""
        if not 1 <= len(question.query.strip()) <= MAX_QUERY or not 1 <= question.limit <= MAX_PASSAGES:
            return KnowledgeRefused(why=f"a query has 1 to {MAX_QUERY} characters, and 1 to {MAX_PASSAGES} passages")
        found = await self.search(question.customer, question.query, documents=question.documents, limit=question.limit)
        return KnowledgeFound(passages=found.passages, hybrid=found.mode == "hybrid", used=found.used)

    async def _embedded(self, query: str) -> Vectors | None:
        if self._embeddings is None:
            return None
        try:
            return await self._embeddings.embed([query], timeout_s=_EMBED_S)
        except EmbeddingsUnavailable as error:
            log.warning("query_not_embedded", why=str(error))
            return None

    async def _passages(self, customer: CustomerId, ranked: Sequence[tuple[Place, float]]) -> list[Passage]:
        chunks = await chunks_at(self._pool, customer, [place for place, _ in ranked])
        return [
            Passage(
                chunk=chunk_id(*place),
                document=found.document,
                name=found.name,
                heading=found.heading,
                page=found.page,
                text=found.body,
                score=score,
            )
            for place, score in ranked
            if (found := chunks.get(place))
        ]


def chunk_id(document: str, number: int) -> str:
    """By which a chunk is cited."""
    return f"{document}-{number}"
