"""Sealed secrets in a JetStream key-value bucket (ADR-8) with a history of one: what is replaced is gone.

A write is settled as an append to a log is: by reading the last value from the leader, never by guessing.
"""

import asyncio
import time
from typing import Any

import msgspec
import nats.errors

from chassis.event_log import LogFault
from chassis.nats import api, messages
from chassis.nats.connection import Client
from chassis.secret_bucket import ChangedMeanwhile, Kept

_ATTEMPT_S = 2.0
_PAUSE_S = 0.1
_DELETED = {"KV-Operation": "DEL"}


class NatsSecretBucket:
    """The port `chassis.secret_bucket.SecretBucket`. Each call waits at most `timeout_s`."""

    def __init__(self, client: Client, bucket: str, *, timeout_s: float = 10.0) -> None:
        self._client, self._timeout_s = client, timeout_s
        self._stream, self._prefix = f"KV_{bucket}", f"$KV.{bucket}."

    async def get(self, name: str) -> Kept | None:
        """See the port."""
        found = await self._last(name)
        return Kept(found.payload, found.sequence) if found is not None and found.payload else None

    async def put(self, name: str, content: bytes, *, expected: int) -> int:
        """See the port."""
        deadline = time.monotonic() + self._timeout_s
        headers = {"Nats-Expected-Last-Subject-Sequence": str(expected)}
        while True:
            if self._client.is_connected:
                sequence = await self._publish(name, content, headers)
                if sequence:
                    return sequence
                found = await self._last(name)
                if found is not None and found.payload == content:
                    return found.sequence
                if (found.sequence if found is not None else 0) != expected:
                    raise ChangedMeanwhile(name)
            if self._client.is_closed or time.monotonic() + _PAUSE_S >= deadline:
                raise LogFault("the secret was not stored")
            await asyncio.sleep(_PAUSE_S)

    async def delete(self, name: str) -> None:
        """See the port."""
        while (found := await self.get(name)) is not None:
            headers = {**_DELETED, "Nats-Expected-Last-Subject-Sequence": str(found.revision)}
            if not await self._publish(name, b"", headers) and await self.get(name) == found:
                raise LogFault("the secret was not deleted")

    async def names(self, kind: str) -> list[str]:
        """See the port."""
        question = {"subjects_filter": f"{self._prefix}{kind}.>"}
        answer = await api.patiently(
            self._client,
            lambda wait_s: api.call(
                self._client, f"STREAM.INFO.{self._stream}", question, dict[str, Any], timeout_s=wait_s
            ),
            timeout_s=self._timeout_s,
        )
        subjects: dict[str, int] = answer["state"].get("subjects") or {}
        found = [(name, await self.get(name)) for name in sorted(sub.removeprefix(self._prefix) for sub in subjects)]
        return [name for name, kept in found if kept is not None]

    async def _last(self, name: str) -> messages.StoredMessage | None:
        return await api.patiently(
            self._client,
            lambda wait_s: messages.last_message(self._client, self._stream, self._prefix + name, timeout_s=wait_s),
            timeout_s=self._timeout_s,
        )

    async def _publish(self, name: str, content: bytes, headers: dict[str, str]) -> int:
        """The sequence, or 0 where the answer says no or does not come."""
        try:
            answer = await self._client.request(self._prefix + name, content, timeout=_ATTEMPT_S, headers=headers)
            ack = msgspec.json.decode(answer.data, type=dict[str, Any])
        except (nats.errors.Error, OSError, TimeoutError, msgspec.MsgspecError):
            return 0
        return 0 if ack.get("error") else int(ack.get("seq", 0))
