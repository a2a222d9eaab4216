"""How a job asks for passages: over NATS, for its customer, and never for long."""

import json

import pytest
from livekit.agents.llm import ChatContext
from tests.support.config_api import a_config_api
from tests.support.knowledge import add_library
from tests.support.runtime_calls import a_call
from tests.support.scripted_models import Reply, call
from tests.support.searching import reaching, searching

from chassis.nats.connection import connect
from chassis.nats.requests import serve
from contracts.builtin_tools import SEARCH_KNOWLEDGE_BASE
from contracts.commands.knowledge import KnowledgeAnswer, KnowledgeFound, KnowledgeRefused, SearchKnowledge
from contracts.ids import CustomerId, DocumentId
from contracts.subjects import SEARCH_KNOWLEDGE
from runtime.adapters.library import Library, LibraryOutOfReach, asking_for_knowledge

pytestmark = pytest.mark.integration

CUSTOMER = CustomerId("cus_pump")


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


async def test_an_agent_answers_from_a_document_that_its_customer_uploaded(nats_url: str, database: str) -> None:
    given: list[str] = []

    def script(context: ChatContext, _tools: list[str]) -> Reply:
        last = context.items[-1]
        if last.type == "function_call_output":
            given.append(last.output)
            return "Once a month."
        return [call(SEARCH_KNOWLEDGE_BASE, json.dumps({"query": "How often is the filter rinsed?"}))]

    async with a_config_api(nats_url, database, customer=CUSTOMER) as api, connect(nats_url, name="job") as client:
        await add_library(api, {"pump.md": b"# Pump\n\n## Cleaning\n\nRinse the filter once a month."})
        outside = reaching(asking_for_knowledge(client))
        given_customer = {"customer": CUSTOMER}
        async with a_call(script, version=searching("all"), given=given_customer, outside=outside) as talking:
            assert await talking.talk.say("How often do I rinse the filter?") == ["Once a month."]
    [passage] = json.loads(given[0])["passages"]
    assert (passage["document"], passage["heading"]) == ("pump.md", "Pump > Cleaning")
    assert passage["text"] == "Rinse the filter once a month."
