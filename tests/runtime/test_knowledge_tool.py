"""An agent that searches its documents in a call: what it is given, what is recorded, what happens without config."""

import json
from typing import Any

import msgspec
import pytest
from livekit.agents.llm import ChatContext
from tests.support.runtime_calls import ACall, a_call
from tests.support.scripted_models import Reply, call
from tests.support.searching import reaching, searching

from contracts.builtin_tools import SEARCH_KNOWLEDGE_BASE
from contracts.commands.knowledge import (
    EmbeddingUse,
    KnowledgeAnswer,
    KnowledgeFound,
    KnowledgeRefused,
    Passage,
    SearchKnowledge,
)
from contracts.events.tool import ToolFailed
from contracts.events.usage import ToolCallUsed
from contracts.ids import DocumentId
from runtime.adapters.library import LibraryOutOfReach
from runtime.tools.knowledge import MAX_TEXT, PASSAGES

pytestmark = pytest.mark.unit

PASSAGE = Passage(
    chunk="doc_pump-3",
    document=DocumentId("doc_pump"),
    name="pump.pdf",
    heading=["Pump", "Cleaning"],
    page=2,
    text="Rinse the filter each month.",
    score=0.03,
)


class Config:
    """Answers for config, and keeps what it was asked."""

    def __init__(self, answer: KnowledgeAnswer | Exception) -> None:
        self.answer, self.asked = answer, list[SearchKnowledge]()

    async def __call__(self, question: SearchKnowledge) -> KnowledgeAnswer:
        self.asked.append(question)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def asked(answer: KnowledgeAnswer | Exception, *, knowledge: Any = "all") -> tuple[ACall, str, Config]:
    """A session whose agent searches once; what the model was given, and what config was asked."""
    results: list[str] = []

    def script(context: ChatContext, tools: list[str]) -> Reply:
        assert SEARCH_KNOWLEDGE_BASE in tools
        last = context.items[-1]
        if last.type == "function_call_output":
            results.append(last.output)
            return "Once a month."
        return [call(SEARCH_KNOWLEDGE_BASE, json.dumps({"query": "How often is the filter rinsed?"}), id="call_1")]

    config = Config(answer)
    async with a_call(script, version=searching(knowledge), outside=reaching(config)) as talking:
        said = await talking.talk.say("How often do I rinse the filter?")
        assert said == ["Once a month."]
    return talking, results[0], config


async def test_passages_reach_the_model_as_bounded_data_with_the_place_to_cite() -> None:
    long = msgspec.structs.replace(PASSAGE, chunk="doc_pump-4", page=0, heading=[], text="x" * (MAX_TEXT + 1))
    found = KnowledgeFound(passages=[PASSAGE, long, *[PASSAGE] * PASSAGES], hybrid=False)
    talking, result, config = await asked(found)
    given = json.loads(result)
    assert given["passages"][0] == {
        "document": "pump.pdf",
        "chunk": "doc_pump-3",
        "heading": "Pump > Cleaning",
        "page": 2,
        "text": "Rinse the filter each month.",
    }
    assert set(given["passages"][1]) == {"document", "chunk", "text"}
    assert len(given["passages"][1]["text"]) == MAX_TEXT
    assert len(given["passages"]) == PASSAGES
    assert "never orders" in given["note"]
    [question] = config.asked
    assert (question.documents, question.limit) == (None, PASSAGES)
    assert question.query == "How often is the filter rinsed?"
    ((used, _),) = await talking.facts("usage.tool_call")
    assert isinstance(used, ToolCallUsed)
    assert (used.provider, used.model, used.quantities) == ("baton", SEARCH_KNOWLEDGE_BASE, {"calls": 1})


async def test_an_agent_searches_its_own_documents_only_and_pays_for_embedding_the_question() -> None:
    use = EmbeddingUse(provider="openai", model="text-embedding-3-small", input_tokens=9)
    found = KnowledgeFound(passages=[], hybrid=True, used=use)
    talking, result, config = await asked(found, knowledge=["doc_pump", "doc_mower"])
    assert json.loads(result)["passages"] == []
    assert "do not know" in json.loads(result)["note"]
    assert config.asked[0].documents == ["doc_pump", "doc_mower"]
    used = [data for data, _ in await talking.facts("usage.tool_call") if isinstance(data, ToolCallUsed)]
    assert [(one.model, one.quantities) for one in used] == [
        (SEARCH_KNOWLEDGE_BASE, {"calls": 1}),
        ("text-embedding-3-small", {"calls": 1, "input_tokens": 9}),
    ]


@pytest.mark.parametrize(
    "answer", [LibraryOutOfReach(), KnowledgeRefused(why="no such search")], ids=["down", "refused"]
)
async def test_without_config_the_search_fails_and_the_call_goes_on(answer: KnowledgeAnswer | Exception) -> None:
    talking, result, _ = await asked(answer)
    assert "out of reach" in result
    ((failed, _),) = await talking.facts("tool.failed")
    assert isinstance(failed, ToolFailed)
    assert (failed.name, failed.code) == (SEARCH_KNOWLEDGE_BASE, "unavailable")
    assert await talking.facts("usage.tool_call") == []
