"""Content at rest: sealed under a key per document, which the customer's key in the vault seals in turn.

To forget a document's key is to make all of its blobs unreadable, wherever copies of them are.
"""

import hashlib

from chassis.object_store import ObjectMissing, ObjectStore
from chassis.sealing import SealBroken, new_key, seal, unseal
from chassis.vault import SecretMissing, Vault
from contracts.ids import CustomerId, DocumentId

_FIELD = "content_key"


class BlobGone(Exception):
    """The blob, or the key that opens it, is not there any more."""

    code = "blob_gone"


class SealedBlobs:
    """Blobs of documents. Raises LogFault where store or vault are out of reach."""

    def __init__(self, *, objects: ObjectStore, vault: Vault) -> None:
        self._objects, self._vault = objects, vault

    async def new_key(self, customer: CustomerId, document: DocumentId) -> str:
        """The id of a fresh key, for an event to name."""
        return await self._vault.put(customer=customer, entity=document, field=_FIELD, secret=new_key())

    async def forget_key(self, customer: CustomerId, key: str) -> None:
        """No blob under it opens any more; twice is safe."""
        await self._vault.forget(customer=customer, id=key)

    async def put(self, customer: CustomerId, document: DocumentId, key: str, content: bytes) -> str:
        """Keep content; returns the blob's name, the SHA-256 (hex) of its sealed bytes. Raises BlobGone."""
        sealed = seal(await self._key(customer, document, key), content, binding=_binding(customer, document))
        name = hashlib.sha256(sealed).hexdigest()
        await self._objects.put(name, sealed)
        return name

    async def get(self, customer: CustomerId, document: DocumentId, key: str, blob: str) -> bytes:
        """The content. Raises BlobGone; SealBroken for what was tampered with."""
        opened = await self._key(customer, document, key)
        try:
            sealed = await self._objects.get(blob)
        except ObjectMissing as error:
            raise BlobGone(blob) from error
        if hashlib.sha256(sealed).hexdigest() != blob:
            raise SealBroken("a blob is not what its name says")
        return unseal(opened, sealed, binding=_binding(customer, document))

    async def delete(self, blob: str) -> None:
        """Free the space; twice is safe."""
        await self._objects.delete(blob)

    async def _key(self, customer: CustomerId, document: DocumentId, key: str) -> bytes:
        try:
            return await self._vault.get(customer=customer, entity=document, field=_FIELD, id=key)
        except SecretMissing as error:
            raise BlobGone("the document's key was forgotten") from error


def _binding(customer: CustomerId, document: DocumentId) -> bytes:
    return f"knowledge {customer} {document}".encode()
