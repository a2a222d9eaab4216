"""Taking documents in and out, over parts in memory: bounds, the order of what is kept and told, nothing left over."""

from typing import Any

import pytest

from chassis.clock import SystemClock
from chassis.event_log import LogFault
from chassis.memory.event_log import MemoryEventLog
from chassis.memory.object_store import MemoryObjectStore
from chassis.memory.secret_bucket import MemorySecretBucket
from chassis.principal import Principal
from chassis.sealing import SealBroken
from chassis.vault import Keyring, KeyUnknown, Vault
from config.adapters.reader import Reader
from config.adapters.sealed_blobs import BlobGone, SealedBlobs
from config.domain.knowledge_document import Kept, NoSuchDocument
from config.handlers import document_reading
from config.handlers.document_reading import DocumentReading
from config.handlers.knowledge import MAX_DOCUMENTS, MAX_QUEUED, KnowledgeBase, Owner, QueueFull, TooManyDocuments
from config.read_models.knowledge_queries import Counts
from contracts.access import SCOPES
from contracts.events.knowledge_document import KnowledgeDocumentProcessed
from contracts.ids import CustomerId, DocumentId

pytestmark = pytest.mark.unit

ACME = Principal(customer=CustomerId("acme"), actor="key_1", scopes=frozenset(SCOPES), livemode=False)


class Parts:
    """A knowledge base, and what it is made of."""

    def __init__(self, *, documents: int = 0, queued: int = 0) -> None:
        async def held(_customer: CustomerId) -> Counts:
            return Counts(documents, queued)

        self.log, self.objects, self.bucket = MemoryEventLog(), MemoryObjectStore(), MemorySecretBucket()
        self.blobs = SealedBlobs(objects=self.objects, vault=Vault(bucket=self.bucket, keys=Keyring([bytes(32)])))
        self.base = KnowledgeBase(log=self.log, clock=SystemClock(), blobs=self.blobs, held=held, source="test")

    async def upload(self) -> DocumentId:
        id, _ = await self.base.upload(
            ACME, name="a.txt", media_type="text/plain", language="en", content=b"The valve is red."
        )
        return id

    async def kept(self, id: DocumentId) -> Kept:
        state = (await self.base.find(ACME.customer, id)).state
        assert isinstance(state, Kept)
        return state

    async def keys(self) -> int:
        return len(await self.bucket.names("secret"))


async def test_a_document_is_kept_sealed_and_opens_for_its_customer_and_itself_alone() -> None:
    parts = Parts()
    id = await parts.upload()
    uploaded = (await parts.kept(id)).uploaded
    assert await parts.blobs.get(ACME.customer, id, uploaded.key, uploaded.blob) == b"The valve is red."
    assert b"valve" not in await parts.objects.get(uploaded.blob)
    for customer, document in (("other", id), ("acme", "doc_another")):
        with pytest.raises((SealBroken, BlobGone)):
            await parts.blobs.get(CustomerId(customer), DocumentId(document), uploaded.key, uploaded.blob)


@pytest.mark.parametrize(
    ("parts", "refusal"),
    [(Parts(documents=MAX_DOCUMENTS), TooManyDocuments), (Parts(queued=MAX_QUEUED), QueueFull)],
)
async def test_a_customer_has_so_many_documents_and_so_many_in_the_queue(
    parts: Parts, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await parts.upload()
    assert await parts.keys() == 0


async def test_what_is_deleted_is_unreadable_and_its_blobs_are_gone() -> None:
    parts = Parts()
    id = await parts.upload()
    uploaded = (await parts.kept(id)).uploaded
    for _ in range(2):
        await parts.base.delete(ACME, id)
    assert await parts.keys() == 0
    with pytest.raises(BlobGone):
        await parts.blobs.get(ACME.customer, id, uploaded.key, uploaded.blob)
    with pytest.raises(NoSuchDocument):
        await parts.base.find(ACME.customer, id)
    with pytest.raises(NoSuchDocument):
        await parts.base.delete(ACME, DocumentId("doc_none"))


async def test_an_upload_that_the_log_does_not_take_leaves_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts()

    async def away(*_arguments: object, **_more: object) -> None:
        raise LogFault("away")

    monkeypatch.setattr(parts.log, "append", away)
    with pytest.raises(LogFault):
        await parts.upload()
    assert await parts.keys() == 0


async def test_chunks_that_come_too_late_are_freed_and_better_ones_replace_the_first() -> None:
    parts = Parts()
    id = await parts.upload()
    key = (await parts.kept(id)).uploaded.key
    owner = Owner(ACME.customer, id, livemode=False)

    async def process(model: str) -> str:
        blob = await parts.blobs.put(ACME.customer, id, key, b"chunks")
        await parts.base.process(owner, KnowledgeDocumentProcessed(chunks=1, blob=blob, model=model))
        return blob

    async def is_there(blob: str) -> bool:
        try:
            return await parts.blobs.get(ACME.customer, id, key, blob) == b"chunks"
        except BlobGone:
            return False

    first, again, embedded = await process(""), await process(""), await process("small")
    assert [await is_there(blob) for blob in (first, again, embedded)] == [False, False, True]
    processed = (await parts.kept(id)).processed
    assert processed is not None
    assert processed.blob == embedded


def reading_of(parts: Parts, blobs: SealedBlobs, monkeypatch: pytest.MonkeyPatch) -> DocumentReading:
    async def not_noted(*_arguments: object) -> None:
        pass

    for name in ("note_progress", "forget_progress"):
        monkeypatch.setattr(document_reading, name, not_noted)
    pool: Any = None
    return DocumentReading(knowledge=parts.base, blobs=blobs, reader=Reader(), embeddings=None, pool=pool)


async def test_a_process_that_lacks_a_key_leaves_the_document_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts()
    owner = Owner(ACME.customer, await parts.upload(), livemode=False)
    other = Vault(bucket=parts.bucket, keys=Keyring([b"1" * 32]))
    reading = reading_of(parts, SealedBlobs(objects=parts.objects, vault=other), monkeypatch)
    with pytest.raises(KeyUnknown):
        await reading.read(owner)
    assert not (await parts.kept(owner.document)).over
    assert await reading_of(parts, parts.blobs, monkeypatch).read(owner)
    kept = await parts.kept(owner.document)
    assert kept.processed is not None
    assert kept.processed.chunks == 1
    assert not await reading_of(parts, parts.blobs, monkeypatch).read(owner), "it was read"


async def test_content_that_was_tampered_with_or_lost_fails_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts()
    for blob, failure in ((b"another", "seal_broken"), (None, "blob_gone")):
        owner = Owner(ACME.customer, await parts.upload(), livemode=False)
        name = (await parts.kept(owner.document)).uploaded.blob
        await parts.objects.delete(name)
        if blob is not None:
            await parts.objects.put(name, blob)
        assert await reading_of(parts, parts.blobs, monkeypatch).read(owner)
        assert (await parts.kept(owner.document)).failure == failure
