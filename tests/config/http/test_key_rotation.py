"""Changing the key that wraps customers' secrets while they are used, as infra/k8s/README.md says it is done: two
processes of config behind a balancer are replaced one after the other, three times, and no request notices.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest
from tests.support.config_api import a_key, config_settings
from tests.support.listeners import Listener, answering, listening
from tests.support.until import until

from chassis.nats.connection import Client, connect
from chassis.nats.secret_bucket import NatsSecretBucket
from chassis.service import serving
from config.bootstrap import migrate, open_service
from config.settings import Settings
from contracts.subjects import SECRETS_BUCKET

pytestmark = pytest.mark.integration

OLD, NEW = "ab" * 32, "cd" * 32
CUSTOMERS = ("acme", "berta", "carla")
NEWCOMERS = ("dora", "emil", "fritz", "greta", "hanna", "ida")
"""Each has its first secret while the processes have different keys: nobody has opened its data key before."""
CALLS_A_STEP = 25
PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False}


def key_of(tool: str, round: int) -> bytes:
    return hashlib.sha256(f"{tool}/{round}".encode()).digest()


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@dataclass
class Place:
    """A process of config behind the balancer, over real HTTP."""

    client: httpx.AsyncClient
    closing: contextlib.AsyncExitStack
    in_flight: int = 0


@dataclass
class Balancer:
    """Sends each request to the next place, and notes what did not succeed."""

    keys: dict[str, str]
    places: list[Place] = field(default_factory=list)
    made: int = 0
    failed: list[str] = field(default_factory=list)

    async def __call__(self, method: str, path: str, *, by: str, at: int | None = None, **more: Any) -> None:
        await self._ask(self.places[self.made % len(self.places) if at is None else at], method, path, by=by, **more)

    async def _ask(self, place: Place, method: str, path: str, *, by: str, **more: Any) -> None:
        self.made += 1
        place.in_flight += 1
        headers = {"Authorization": f"Bearer {self.keys[by]}", **more.pop("headers", {})}
        try:
            answer = await place.client.request(method, path, headers=headers, **more)
        except httpx.HTTPError as error:
            self.failed.append(f"{method} {path}: {error!r}")
            return
        finally:
            place.in_flight -= 1
        if not answer.is_success or answer.json().get("failure"):
            self.failed.append(f"{method} {path}: {answer.status_code} {answer.text}")

    async def everywhere(self, method: str, path: str, *, by: str, **more: Any) -> None:
        """The same request to each place."""
        for place in self.places:
            await self._ask(place, method, path, by=by, **more)

    async def replace(self, number: int, settings: Settings) -> None:
        """A new process takes the place, once it is ready; the old one goes when its last request is answered."""
        new = await a_place(settings)
        if number == len(self.places):
            self.places.append(new)
            return
        old, self.places[number] = self.places[number], new
        await until(lambda: old.in_flight == 0, what="the old process has answered")
        await old.closing.aclose()


async def a_place(settings: Settings) -> Place:
    closing = contextlib.AsyncExitStack()
    service = await closing.enter_async_context(open_service(settings))
    port = await closing.enter_async_context(serving(service.app))
    client = await closing.enter_async_context(httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30))
    await until(service.ready, what="config is ready")
    return Place(client, closing)


async def a_tool(send: Balancer, customer: str, name: str, url: str, *, at: int | None = None) -> dict[str, Any]:
    tool = {"description": "Looks up.", "parameters": PARAMETERS, "url": f"{url}{name}", "timeout_s": 9}
    made = {**tool, "name": name, "secret": secret_of(key_of(name, 0))}
    await send("POST", "/api/tools", by=customer, at=at, json=made)
    return tool


async def use_secrets(send: Balancer, customer: str, url: str, stop: asyncio.Event) -> None:
    """Tools come, are called, get another secret and are called again, one after the other."""
    number = 0
    while not stop.is_set():
        name = f"{customer}_{number}"
        tool = await a_tool(send, customer, name, url)
        await send("POST", f"/api/tools/{name}/try", by=customer, json={"arguments": {}})
        revised = {**tool, "secret": secret_of(key_of(name, 1))}
        await send("PUT", f"/api/tools/{name}", by=customer, json=revised, headers={"If-Match": "*"})
        await send("POST", f"/api/tools/{name}/try", by=customer, json={"arguments": {}})
        number += 1


@contextlib.asynccontextmanager
async def using(send: Balancer, url: str) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(use_secrets(send, customer, url, stop)) for customer in CUSTOMERS]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 60)


async def more_calls(send: Balancer, count: int = CALLS_A_STEP) -> None:
    enough = send.made + count
    await until(lambda: send.made >= enough, what=f"{count} more requests", timeout_s=30)


def signed_by(request: bytes) -> int | None:
    """Which of its tool's two secrets signed the call; None for none."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    tool = lines[0].split(" ")[1].removeprefix("/")
    told = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for round in (0, 1):
        digest = hmac.new(key_of(tool, round), told, hashlib.sha256).digest()
        if headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}":
            return round
    return None


async def wrapped_by(nats: Client) -> set[str]:
    """The ids of the keys that wrap customers' data keys now."""
    bucket = NatsSecretBucket(nats, SECRETS_BUCKET)
    kept = [await bucket.get(name) for name in await bucket.names("key")]
    return {msgspec.json.decode(one.content)["wrapped_by"] for one in kept if one is not None}


async def test_a_rotation_of_the_key_fails_no_request(nats_url: str, database: str) -> None:
    plain = config_settings(nats_url, database, development_reach_loopback=True)
    old, both, turned, new = (
        msgspec.structs.replace(plain, secret_keys=keys) for keys in (OLD, f"{OLD},{NEW}", f"{NEW},{OLD}", NEW)
    )
    await migrate(old)
    send = Balancer({customer: await a_key(old, customer) for customer in (*CUSTOMERS, *NEWCOMERS, "quiet")})
    peer: Listener
    async with connect(nats_url, name="test") as nats, listening(answering()) as peer:
        for number in (0, 1):
            await send.replace(number, old)
        url, newcomers = f"http://127.0.0.1:{peer.port}/", iter(NEWCOMERS)
        await a_tool(send, "quiet", "seldom", url)
        async with using(send, url):
            await more_calls(send)
            before = await wrapped_by(nats)
            for step in (both, turned, new):
                if step is new:
                    await migrate(turned)  # wraps anew what no request has
                for number in (0, 1):
                    await send.replace(number, step)
                    newcomer = next(newcomers)
                    await a_tool(send, newcomer, newcomer, url, at=number)
                    await send.everywhere("POST", f"/api/tools/{newcomer}/try", by=newcomer, json={"arguments": {}})
                    await more_calls(send)
            await send.everywhere("POST", "/api/tools/seldom/try", by="quiet", json={"arguments": {}})
        for place in send.places:
            await place.closing.aclose()
        after = await wrapped_by(nats)

    assert send.failed == []
    assert send.made >= 7 * CALLS_A_STEP
    assert len(before) == len(after) == 1
    assert before != after
    assert {signed_by(request) for request in peer.requests} == {0, 1}, "each call was signed by its tool's secret"
