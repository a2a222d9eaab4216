"""What a service that only reads stands on in a test: real logs, a key holder on NATS, API keys in the CONFIG log, and
HTTP without a socket.
"""

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import httpx
from nats.aio.client import Client
from tests.support.sessions import Keys
from tests.support.until import until

from chassis.api_keys import api_key_digest, new_api_key
from chassis.clock import SystemClock
from chassis.event_log import EventLog
from chassis.ids import new_id
from chassis.nats.requests import serve
from chassis.recording import Origin, Recorder
from chassis.service import Service
from contracts.commands.keys import KeyAnswer, OpenKey
from contracts.events.api_key import ApiKeyIssued
from contracts.ids import ApiKeyId, CustomerId
from contracts.subjects import CONFIG_WRITER, OPEN_KEY, Log, config_subject

PEPPER = "pepper for tests"
SCOPES = ("sessions:read", "usage:read", "panels:write")


async def issue_key(log: EventLog, customer: CustomerId, *, scopes: tuple[str, ...] = SCOPES) -> str:
    """A fresh API key of `customer`, as config would have issued it."""
    id = ApiKeyId(new_id("key"))
    key = new_api_key(id, livemode=False)
    issued = ApiKeyIssued(
        digest=api_key_digest(PEPPER.encode(), key), hint=key[-4:], scopes=list(scopes), livemode=False
    )
    origin = Origin(customer=customer, subject=id, writer=CONFIG_WRITER, source="tests/1")
    event = Recorder(origin=origin, clock=SystemClock()).record(issued)
    await log.append(Log.CONFIG, config_subject(customer, "api_key", id), [event], expected=0)
    return key


@contextlib.asynccontextmanager
async def holding_keys(nats: Client, keys: Keys) -> AsyncIterator[None]:
    """Answer for the gateway."""

    async def answer(question: OpenKey) -> KeyAnswer:
        return await keys(question)

    async with await serve(nats, OPEN_KEY, OpenKey, answer, queue=None):
        yield


@contextlib.asynccontextmanager
async def calling(opening: AbstractAsyncContextManager[Service], key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Open the service and call it with `key`, once it is ready."""
    async with opening as service:
        await until(service.ready, what=f"{service.name} is ready")
        transport = httpx.ASGITransport(app=service.app)
        headers = {"Authorization": f"Bearer {key}"}
        client = httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers, timeout=20)
        async with client:
            yield client
