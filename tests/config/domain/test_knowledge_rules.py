"""What agents may search is checked when a template is published."""

import msgspec
import pytest

from config.domain.agent_rules import MAX_KNOWLEDGE, own_errors
from config.domain.knowledge_document import Kept
from config.domain.knowledge_rules import knowledge_errors
from contracts.builtin_tools import SEARCH_KNOWLEDGE_BASE
from contracts.events.knowledge_document import KnowledgeDocumentUploaded
from contracts.ids import AgentId, DocumentId
from contracts.template_version import AgentDefinition, TemplateDraft

pytestmark = pytest.mark.unit

UPLOADED = KnowledgeDocumentUploaded(
    name="a.md", media_type="text/markdown", size=1, sha256="0", language="en", key="sct_1", blob="b1"
)
DOCUMENTS = {
    DocumentId("doc_waits"): Kept(UPLOADED),
    DocumentId("doc_failed"): Kept(UPLOADED, failure="no_text"),
}
DRAFT = TemplateDraft(name="T", agents=[AgentId("a")], initial_agent=AgentId("a"))
SEARCHES = AgentDefinition(name="A", instructions="Help.", tools=[SEARCH_KNOWLEDGE_BASE])


def errors(definition: AgentDefinition) -> list[tuple[str, str]]:
    found = knowledge_errors(DRAFT, {AgentId("a"): definition}, DOCUMENTS)
    return [(error.pointer, error.code) for error in found]


def knowing(*documents: str) -> AgentDefinition:
    return msgspec.structs.replace(SEARCHES, knowledge=[DocumentId(id) for id in documents])


def test_all_documents_or_some_that_are_there_may_be_searched() -> None:
    assert errors(msgspec.structs.replace(SEARCHES, knowledge="all")) == []
    assert errors(knowing("doc_waits")) == []
    assert errors(AgentDefinition(name="A", instructions="Help.")) == []


def test_documents_that_are_not_there_or_failed_are_named_with_their_place() -> None:
    assert errors(knowing("doc_waits", "doc_none", "doc_failed")) == [
        ("/agents/a/knowledge/1", "unknown_document"),
        ("/agents/a/knowledge/2", "document_failed"),
    ]


def test_knowledge_and_its_tool_go_together() -> None:
    assert errors(SEARCHES) == [("/agents/a/knowledge", "required")]
    assert errors(knowing()) == [("/agents/a/knowledge", "required")]
    without = AgentDefinition(name="A", instructions="Help.", knowledge="all")
    assert errors(without) == [("/agents/a/tools", "knowledge_not_searched")]


def test_an_agent_names_each_document_once_and_not_too_many() -> None:
    found = [(error.pointer, error.code) for error in own_errors(knowing("doc_a", "doc_a"))]
    assert found == [("/knowledge/1", "repeated")]
    many = knowing(*(f"doc_{number}" for number in range(MAX_KNOWLEDGE + 1)))
    assert [error.code for error in own_errors(many)] == ["too_many"]
