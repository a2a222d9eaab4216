"""Reads what was uploaded: one owner per document over all processes, and after a crash somebody goes on.

What waits is folded from the log, so nothing can be lost between an upload and its reading; who reads a document holds
a lock that ends with its connection. The bounds of the queue are those of KnowledgeBase.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import structlog

from chassis.errors import Unavailable
from chassis.event_log import Commit, EventLog, LogFault
from chassis.log_fold import LogFold
from chassis.postgres.names import lock_key
from chassis.postgres.pool import direct
from chassis.vault import KeyUnknown
from config.domain.knowledge_document import NoSuchDocument
from config.handlers.document_reading import DocumentReading
from config.handlers.knowledge import KIND, Owner
from contracts.envelope import Envelope, decode_commit
from contracts.events.knowledge_document import (
    KnowledgeDocumentDeleted,
    KnowledgeDocumentFailed,
    KnowledgeDocumentProcessed,
    KnowledgeDocumentUploaded,
)
from contracts.ids import CustomerId, DocumentId
from contracts.registry import decode_data
from contracts.subjects import Log

log = structlog.get_logger()

READERS = 2
"""Documents that one process reads at once."""

_ANOTHER_S = 1.0
_TROUBLE_S = 5.0
_NO_VECTORS_S = 60.0
_TROUBLE = (
    *(LogFault, Unavailable, KeyUnknown, OSError, TimeoutError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError),
)
"""Of the parts around, not of the document."""

_Id = tuple[CustomerId, DocumentId]


class _Waiting:
    """A document that someone has to read, not before `not_before` of the loop's clock."""

    def __init__(self, owner: Owner) -> None:
        self.owner, self.not_before, self.busy = owner, 0.0, False


class Ingestion(LogFold):
    """Use `follow` and `run` as two tasks. At the start, what another model embedded, or none did, is embedded anew."""

    def __init__(
        self,
        *,
        log: EventLog,
        reading: DocumentReading,
        dsn: str,
    ) -> None:
        super().__init__(log=log, name=Log.CONFIG)
        self._reading, self._dsn = reading, dsn
        self._waiting: dict[_Id, _Waiting] = {}
        self._served: dict[CustomerId, int] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Read what waits, for ever."""
        await self.caught_up.wait()
        async with asyncio.TaskGroup() as group:
            for number in range(READERS):
                group.create_task(self._read_on(), name=f"config.ingestion.{number}")

    def _apply(self, commit: Commit) -> None:
        if commit.subject.split(".")[2] != KIND:
            return
        for envelope in decode_commit(commit.payload):
            self._evolve(envelope)
        self._changed.set()

    def _evolve(self, envelope: Envelope) -> None:
        id = (envelope.customer, DocumentId(envelope.subject))
        match decode_data(envelope):
            case KnowledgeDocumentUploaded():
                self._waiting[id] = _Waiting(Owner(*id, envelope.livemode))
            case KnowledgeDocumentProcessed() as processed:
                if not self._lacks_vectors(processed):
                    self._waiting.pop(id, None)
                elif id in self._waiting and self.caught_up.is_set():
                    self._waiting[id].not_before = _now() + _NO_VECTORS_S
            case KnowledgeDocumentFailed() | KnowledgeDocumentDeleted():
                self._waiting.pop(id, None)
            case _:
                pass

    def _lacks_vectors(self, processed: KnowledgeDocumentProcessed) -> bool:
        """Those of another model count as none only at the start: two releases would undo each other's work."""
        wanted = self._reading.model
        return wanted not in ("", processed.model) and (not processed.model or not self.caught_up.is_set())

    async def _read_on(self) -> None:
        while True:
            self._changed.clear()
            waiting = self._next()
            if waiting is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_ANOTHER_S):
                        await self._changed.wait()
                continue
            waiting.busy = True
            try:
                waiting.not_before = _now() + await self._attempt(waiting.owner)
            finally:
                waiting.busy = False

    def _next(self) -> _Waiting | None:
        """The longest waiting document of the customer that was served least."""
        ready = [one for one in self._waiting.values() if not one.busy and one.not_before <= _now()]
        found = min(ready, key=lambda one: self._served.get(one.owner.customer, 0), default=None)
        if found is not None:
            customer = found.owner.customer
            self._served[customer] = self._served.get(customer, 0) + 1
        return found

    async def _attempt(self, owner: Owner) -> float:
        """Read one document, if nobody else does; in how many seconds it may be tried again, should it still wait."""
        try:
            async with self._owned(owner) as ours:
                if not ours:
                    return _ANOTHER_S
                if await self._reading.read(owner):
                    return _NO_VECTORS_S
            self._waiting.pop((owner.customer, owner.document), None)
        except NoSuchDocument:
            self._waiting.pop((owner.customer, owner.document), None)
        except _TROUBLE as error:
            log.warning("document_not_read_yet", document=owner.document, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 (a boundary: one document must not keep the others from being read)
            log.error("document_reading_broken", document=owner.document, fault=type(error).__name__)
            return _NO_VECTORS_S
        return _TROUBLE_S

    @contextlib.asynccontextmanager
    async def _owned(self, owner: Owner) -> AsyncIterator[bool]:
        async with direct(self._dsn, name="config.ingestion") as connection:
            key = lock_key("knowledge", owner.customer, owner.document)
            yield await connection.fetchval("select pg_try_advisory_lock($1)", key)


def _now() -> float:
    return asyncio.get_running_loop().time()
