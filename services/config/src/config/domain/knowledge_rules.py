"""What agents may search: documents that are there, and the tool to search them with. Pointers go into the set."""

from collections.abc import Iterator, Mapping

from chassis.errors import FieldError
from config.domain.draft_rules import Definitions
from config.domain.knowledge_document import Kept
from config.domain.named_tools import present
from contracts.builtin_tools import SEARCH_KNOWLEDGE_BASE
from contracts.ids import DocumentId
from contracts.template_version import AgentDefinition, TemplateDraft

Documents = Mapping[DocumentId, Kept]


def knowledge_errors(draft: TemplateDraft, definitions: Definitions, documents: Documents) -> Iterator[FieldError]:
    """Documents that are not there or cannot be read; knowledge without its tool, and the tool without knowledge."""
    for agent, definition in present(draft, definitions):
        where = f"/agents/{agent}/knowledge"
        searches = SEARCH_KNOWLEDGE_BASE in definition.tools
        if searches and not definition.knowledge:
            yield FieldError(where, "required", f"{agent} searches documents, and names none: a list of ids, or all")
        if definition.knowledge and not searches:
            detail = f"{agent} is given documents, and {SEARCH_KNOWLEDGE_BASE} is not among its tools"
            yield FieldError(f"/agents/{agent}/tools", "knowledge_not_searched", detail)
        for place, id in enumerate(named_documents(definition)):
            known = documents.get(id)
            if known is None:
                yield FieldError(f"{where}/{place}", "unknown_document", f"there is no document {id[:64]}")
            elif known.failure:
                yield FieldError(f"{where}/{place}", "document_failed", f"the document {id} could not be read")


def named_documents(definition: AgentDefinition) -> list[DocumentId]:
    """Those that an agent names one by one."""
    return definition.knowledge if isinstance(definition.knowledge, list) else []
