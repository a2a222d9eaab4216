"""How a job asks for passages: over NATS, for its customer, and never for long."""

import pytest

from chassis.nats.connection import connect
from chassis.nats.requests import serve
from contracts.commands.knowledge import KnowledgeAnswer, KnowledgeFound, KnowledgeRefused, SearchKnowledge
from contracts.ids import CustomerId, DocumentId
from contracts.subjects import SEARCH_KNOWLEDGE
from runtime.adapters.library import Library, LibraryOutOfReach, asking_for_knowledge

pytestmark = pytest.mark.integration


async def test_config_is_asked_for_the_customers_documents_and_a_silence_is_said(nats_url: str) -> None:
    asked: list[SearchKnowledge] = []

    async def config(question: SearchKnowledge) -> KnowledgeAnswer:
        asked.append(question)
        if question.query == "refuse":
            return KnowledgeRefused(why="no")
        if question.query == "break":
            raise RuntimeError
        return KnowledgeFound(passages=[], hybrid=True)

    async with connect(nats_url, name="test") as client:
        library = Library(ask=asking_for_knowledge(client), customer=CustomerId("acme"))
        with pytest.raises(LibraryOutOfReach):
            await library.search("valve", documents=None, limit=3)
        async with await serve(client, SEARCH_KNOWLEDGE, SearchKnowledge, config, queue="config"):
            assert (await library.search("valve", documents=(DocumentId("doc_a"),), limit=3)).hybrid
            for query in ("refuse", "break"):
                with pytest.raises(LibraryOutOfReach):
                    await library.search(query, documents=None, limit=3)
    expected = SearchKnowledge(customer=CustomerId("acme"), query="valve", documents=[DocumentId("doc_a")], limit=3)
    assert asked[0] == expected
    assert asked[1].documents is None
