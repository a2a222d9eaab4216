"""A connection to NATS that loses requests or answers on purpose, or answers in the server's stead."""

from collections.abc import Callable
from typing import Any

import nats.errors
from nats.aio.msg import Msg

from chassis.nats.connection import Client

Fault = Callable[[Client, str, bytes, dict[str, Any]], Any]


class LossyClient:
    """Everything goes to `client`, but each request to a stream's subject takes the next of `faults` first."""

    def __init__(self, client: Client, *faults: Fault) -> None:
        self._client, self.faults = client, list(faults)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def request(self, subject: str, payload: bytes = b"", **options: Any) -> Msg:
        if subject.startswith("$JS.") or not self.faults:
            return await self._client.request(subject, payload, **options)
        answer: Msg = await self.faults.pop(0)(self._client, subject, payload, options)
        return answer


async def lose_the_request(client: Client, subject: str, payload: bytes, options: dict[str, Any]) -> Msg:
    raise nats.errors.TimeoutError


async def lose_the_answer(client: Client, subject: str, payload: bytes, options: dict[str, Any]) -> Msg:
    await client.request(subject, payload, **options)
    raise nats.errors.TimeoutError


async def nobody_there(client: Client, subject: str, payload: bytes, options: dict[str, Any]) -> Msg:
    raise nats.errors.NoRespondersError


def refuse(err_code: int) -> Fault:
    """Answer with an error code, storing nothing."""

    async def fault(client: Client, subject: str, payload: bytes, options: dict[str, Any]) -> Msg:
        body = b'{"error":{"code":400,"err_code":%d,"description":"told to"}}' % err_code
        return Msg(_client=client, subject="_INBOX.x", data=body)

    return fault


def store_and_refuse(err_code: int) -> Fault:
    """Store, and answer with an error code."""

    async def fault(client: Client, subject: str, payload: bytes, options: dict[str, Any]) -> Msg:
        await client.request(subject, payload, **options)
        return await refuse(err_code)(client, subject, payload, options)  # type: ignore[no-any-return]

    return fault
