"""What config does with customers' documents: take them in, look them up, say what came of reading them, delete them.

Content is kept before the event that names it, and its key is forgotten before the event that says so: no event ever
names what is not there, and what is said to be deleted is.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from chassis.clock import Clock
from chassis.command_handler import CommandHandler, Handled, Stream
from chassis.errors import Conflict, Refusal, TooMany
from chassis.event_log import EventLog, LogFault
from chassis.ids import new_id
from chassis.principal import Principal
from chassis.recording import Origin
from config.adapters.sealed_blobs import SealedBlobs
from config.domain import uploads
from config.domain.knowledge_document import (
    KNOWLEDGE_DOCUMENT,
    Command,
    Delete,
    Fail,
    Kept,
    NoSuchDocument,
    Process,
    State,
    Upload,
)
from config.read_models.knowledge_queries import Counts
from contracts.events.knowledge_document import KnowledgeDocumentProcessed, KnowledgeDocumentUploaded
from contracts.ids import CustomerId, DocumentId
from contracts.subjects import CONFIG_WRITER, Log, config_subject

KIND = "knowledge_document"
MAX_DOCUMENTS = 500
MAX_QUEUED = 50


class TooManyDocuments(Conflict):
    """A customer has as many documents as there may be."""

    code, title = "too_many_documents", f"There are {MAX_DOCUMENTS} documents already"


class QueueFull(TooMany):
    """As many of a customer's documents wait to be read as may."""

    code, title = "too_many_queued", f"{MAX_QUEUED} documents are waiting to be read"
    retry_after_s: int | None = 5


class Owner(NamedTuple):
    """A document, and whose it is."""

    customer: CustomerId
    document: DocumentId
    livemode: bool


class KnowledgeBase:
    """Commands and look-ups. Raises the decider's refusals and LogFault.

    `held` counts a customer's documents; a read model may, since these bounds are not exact.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        clock: Clock,
        blobs: SealedBlobs,
        held: Callable[[CustomerId], Awaitable[Counts]],
        source: str,
    ) -> None:
        self._handler = CommandHandler(log=log, log_name=Log.CONFIG, clock=clock)
        self._blobs, self._held, self._source = blobs, held, source

    async def upload(
        self, principal: Principal, *, name: str, media_type: str, language: str, content: bytes
    ) -> tuple[DocumentId, Handled[State]]:
        """Keep a document, to be read. Raises the refusals of config.domain.uploads, TooManyDocuments, QueueFull."""
        name, language = uploads.checked_name(name), uploads.checked_language(language)
        uploads.check_content(media_type, content)
        id, customer = DocumentId(new_id("doc")), principal.customer
        await self._make_room(customer)
        key = await self._blobs.new_key(customer, id)
        try:
            blob = await self._blobs.put(customer, id, key, content)
            uploaded = KnowledgeDocumentUploaded(
                name=name,
                media_type=media_type,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                language=language,
                key=key,
                blob=blob,
            )
            owner = Owner(customer, id, principal.livemode)
            return id, await self._handle(owner, Upload(uploaded), principal.actor)
        except (Refusal, LogFault):
            # Where it is not known whether the event is in the log, the document fails to be read, and says so.
            await self._blobs.forget_key(customer, key)
            raise

    async def find(self, customer: CustomerId, id: DocumentId) -> Stream[State]:
        """One document; raises NoSuchDocument."""
        stream = await self._handler.load(config_subject(customer, KIND, id), KNOWLEDGE_DOCUMENT)
        if not isinstance(stream.state, Kept):
            raise NoSuchDocument
        return stream

    async def delete(self, principal: Principal, id: DocumentId) -> None:
        """Forget its key, say so, and free the space; twice is safe. Raises NoSuchDocument."""
        stream = await self._handler.load(config_subject(principal.customer, KIND, id), KNOWLEDGE_DOCUMENT)
        if isinstance(stream.state, Kept):
            await self._blobs.forget_key(principal.customer, stream.state.uploaded.key)
        owner = Owner(principal.customer, id, principal.livemode)
        await self._handle(owner, Delete(), principal.actor)
        for blob in stream.state.blobs if isinstance(stream.state, Kept) else ():
            await self._blobs.delete(blob)

    async def process(self, owner: Owner, processed: KnowledgeDocumentProcessed) -> None:
        """Say that its chunks are there; those of before are freed. Raises NoSuchDocument."""
        before = (await self.find(owner.customer, owner.document)).state
        assert isinstance(before, Kept)
        handled = await self._handle(owner, Process(processed), CONFIG_WRITER)
        if not handled.events:
            await self._blobs.delete(processed.blob)
        elif before.processed is not None:
            await self._blobs.delete(before.processed.blob)

    async def fail(self, owner: Owner, code: str) -> None:
        """Say that it cannot be read. Raises NoSuchDocument."""
        await self._handle(owner, Fail(code), CONFIG_WRITER)

    async def _make_room(self, customer: CustomerId) -> None:
        held = await self._held(customer)
        if held.documents >= MAX_DOCUMENTS:
            raise TooManyDocuments
        if held.queued >= MAX_QUEUED:
            raise QueueFull

    async def _handle(self, owner: Owner, command: Command, actor: str) -> Handled[State]:
        origin = Origin(
            customer=owner.customer,
            subject=owner.document,
            writer=CONFIG_WRITER,
            source=self._source,
            livemode=owner.livemode,
        )
        subject = config_subject(owner.customer, KIND, owner.document)
        return await self._handler.handle(subject, KNOWLEDGE_DOCUMENT, command, origin=origin, actor=actor)
