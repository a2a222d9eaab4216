"""Objects in a JetStream bucket, in the format of ADR-20, so that the nats CLI can read them.

Names are content hashes: an object is written once and never replaced.
"""

import base64
import functools
import hashlib

import msgspec
import nats.errors
import nats.js.errors

from chassis.event_log import LogFault
from chassis.nats import api, messages
from chassis.nats.connection import Client
from chassis.object_store import ObjectMissing

_Errors = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)


class _Meta(msgspec.Struct):
    """What ADR-20 stores about an object; `digest` is ``SHA-256=`` and URL-safe base64."""

    nuid: str
    size: int = 0
    chunks: int = 0
    digest: str = ""
    deleted: bool = False


class NatsObjectStore:
    """The port `chassis.object_store.ObjectStore`. Each step of a call waits at most `timeout_s`."""

    def __init__(self, client: Client, bucket: str, *, timeout_s: float = 10.0) -> None:
        self._client, self._bucket, self._timeout_s = client, bucket, timeout_s
        self._stream = f"OBJ_{bucket}"

    async def put(self, name: str, content: bytes) -> None:
        """See the port. Raises LogFault."""
        if await self._find(name) is not None:
            return
        try:
            bucket = await self._client.jetstream(timeout=self._timeout_s).object_store(self._bucket)
            await bucket.put(name, content)
        except _Errors as error:
            raise LogFault(f"the object was not stored: {type(error).__name__}") from error

    async def get(self, name: str) -> bytes:
        """See the port. Raises ObjectMissing, LogFault."""
        meta = await self._find(name)
        if meta is None:
            raise ObjectMissing(name)
        content = await self._content(meta)
        if _digest(content) != meta.digest:
            raise LogFault(f"the object {name} is not what was stored")
        return content

    async def delete(self, name: str) -> None:
        """See the port: its chunks are purged, and a mark is left that it is gone. Raises LogFault."""
        if await self._find(name) is None:
            return
        try:
            bucket = await self._client.jetstream(timeout=self._timeout_s).object_store(self._bucket)
            await bucket.delete(name)
        except nats.js.errors.ObjectNotFoundError:
            return
        except _Errors as error:
            raise LogFault(f"the object was not deleted: {type(error).__name__}") from error

    async def _find(self, name: str) -> _Meta | None:
        subject = f"$O.{self._bucket}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"
        found = await api.patiently(
            self._client,
            lambda wait_s: messages.last_message(self._client, self._stream, subject, timeout_s=wait_s),
            timeout_s=self._timeout_s,
        )
        if found is None:
            return None
        meta = msgspec.json.decode(found.payload, type=_Meta)
        return None if meta.deleted else meta

    async def _content(self, meta: _Meta) -> bytes:
        """Chunk by chunk from the leader, 128 KiB each."""
        chunks: list[bytes] = []
        after = 0
        for _ in range(meta.chunks):
            chunk = await api.patiently(
                self._client,
                functools.partial(self._next_chunk, meta, after),
                timeout_s=self._timeout_s,
            )
            if chunk is None:
                break
            chunks.append(chunk.payload)
            after = chunk.sequence
        return b"".join(chunks)

    async def _next_chunk(self, meta: _Meta, after: int, wait_s: float) -> messages.StoredMessage | None:
        subject = f"$O.{self._bucket}.C.{meta.nuid}"
        return await messages.next_message(self._client, self._stream, subject, after=after, timeout_s=wait_s)


def _digest(content: bytes) -> str:
    return f"SHA-256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()}"
