"""A customer's documents, as a session reads them: config is asked over NATS, and a call never waits long for it."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask
from contracts.commands.knowledge import KnowledgeAnswer, KnowledgeFound, SearchKnowledge
from contracts.ids import CustomerId, DocumentId
from contracts.subjects import SEARCH_KNOWLEDGE

log = structlog.get_logger()

SEARCH_S = 3.0

AskForKnowledge = Callable[[SearchKnowledge], Awaitable[KnowledgeAnswer]]
"""How config is asked; over NATS in a job, a function in tests. Raises LibraryOutOfReach."""


class LibraryOutOfReach(Exception):
    """Config does not answer now, or not with passages."""

    code = "library_out_of_reach"


class Library:
    """The documents of one customer."""

    def __init__(self, *, ask: AskForKnowledge, customer: CustomerId) -> None:
        self._ask, self._customer = ask, customer

    async def search(self, query: str, *, documents: Sequence[DocumentId] | None, limit: int) -> KnowledgeFound:
        """The best passages of these documents, or of all. Raises LibraryOutOfReach."""
        named = None if documents is None else list(documents)
        answer = await self._ask(SearchKnowledge(customer=self._customer, query=query, documents=named, limit=limit))
        if not isinstance(answer, KnowledgeFound):
            log.error("knowledge_refused", why=answer.why)
            raise LibraryOutOfReach
        return answer


def asking_for_knowledge(client: Client) -> AskForKnowledge:
    """Asks config over NATS, at most SEARCH_S."""

    async def ask_config(question: SearchKnowledge) -> KnowledgeAnswer:
        try:
            answer: KnowledgeAnswer = await ask(client, SEARCH_KNOWLEDGE, question, KnowledgeAnswer, timeout_s=SEARCH_S)
        except (NoAnswer, RequestRefused) as error:
            raise LibraryOutOfReach from error
        return answer

    return ask_config
