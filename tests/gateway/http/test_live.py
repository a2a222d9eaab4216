"""/api/sessions/{id}/live over a socket: every event once, in order, until the session is closed."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import pytest
from litestar.testing import RequestFactory
from tests.support.gateways import ACME, OTHER, START, gateway_settings, outside, seed
from tests.support.until import until

from chassis.service import serving
from contracts.positions import decode_position
from contracts.subjects import partition
from gateway.adapters.memory_livekit import MemoryLiveKit
from gateway.bootstrap import open_service
from gateway.http.live import LiveStream
from gateway.settings import Settings

pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def a_served_gateway(settings: Settings, key: str, rooms: MemoryLiveKit) -> AsyncIterator[httpx.AsyncClient]:
    async with open_service(settings, rooms=rooms) as service:
        await until(service.ready, what="the gateway is ready")
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            serving(service.app) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as client,
        ):
            yield client


class Heard:
    """What a client of the stream has read so far."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.comments: list[str] = []
        self.retry = 0
        self.whole = False

    @property
    def types(self) -> list[str]:
        return [one["event"].removeprefix("session.") for one in self.events]

    async def read(self, answer: httpx.Response) -> None:
        found: dict[str, Any] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                self.comments.append(value)
            elif name == "retry":
                self.retry = int(value)
            elif line:
                found[name] = json.loads(value) if name == "data" else value
            elif found:
                self.events.append(found)
                found = {}
        self.whole = True


@contextlib.asynccontextmanager
async def watching(gateway: httpx.AsyncClient, session: str, **headers: str) -> AsyncIterator[Heard]:
    heard = Heard()
    async with gateway.stream("GET", f"/api/sessions/{session}/live", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        reading = asyncio.create_task(heard.read(answer))
        try:
            yield heard
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def started(gateway: httpx.AsyncClient) -> str:
    answer = await gateway.post("/api/session/start", json=START)
    return str(answer.json()["session_id"])


async def test_a_watcher_hears_what_was_and_what_comes_and_then_the_end(nats_url: str, database: str) -> None:
    settings, rooms = gateway_settings(nats_url, database), MemoryLiveKit()
    key = await seed(settings)
    async with a_served_gateway(settings, key, rooms) as gateway, outside(nats_url, rooms) as world:
        session = await started(gateway)
        async with watching(gateway, session) as heard:
            await until(lambda: heard.types[:3] == ["requested", "dispatched", "token_issued"])
            assert heard.events[0]["data"]["personal"]["name"] == "Anna Secret"
            assert heard.retry == 2000
            await until(lambda: bool(rooms.dispatched))
            await world.claim(rooms.dispatched[0][1])
            await until(lambda: "started" in heard.types, what="the watcher hears the start")
            await gateway.post(f"/api/session/{session}/end")
            await until(lambda: heard.whole, what="the stream is over")

        assert heard.types[-2:] == ["closed", "end"]
        told = await world.events(session)
        assert [one["data"]["id"] for one in heard.events[:-1]] == [one.id for one in told]
        assert all(one["id"] == one["data"]["position"] for one in heard.events)

        middle = heard.events[4]["id"]
        async with watching(gateway, session, **{"Last-Event-ID": middle}) as again:
            await until(lambda: again.whole)
        assert again.events == heard.events[5:]
        async with watching(gateway, session, **{"Last-Event-ID": heard.events[-1]["id"]}) as after:
            await until(lambda: after.whole)
        assert after.types == ["end"]


async def test_only_the_customer_watches_and_only_from_a_place_of_the_session(nats_url: str, database: str) -> None:
    settings, rooms = gateway_settings(nats_url, database), MemoryLiveKit()
    key, stranger = await seed(settings), await seed(settings, customer=OTHER)
    async with a_served_gateway(settings, key, rooms) as gateway:
        session = await started(gateway)
        place = (await gateway.post("/api/session/start", json=START)).json()["position"]
        while decode_position(place).partition == partition(ACME, session):
            place = (await gateway.post("/api/session/start", json=START)).json()["position"]

        async def refused(**headers: str) -> tuple[int, str]:
            answer = await gateway.get(f"/api/sessions/{session}/live", headers=headers)
            return answer.status_code, answer.json()["code"]

        assert await refused(Authorization=f"Bearer {stranger}") == (404, "unknown_session")
        assert await refused(Authorization="") == (401, "not_authenticated")
        assert await refused(**{"Last-Event-ID": "nonsense"}) == (400, "invalid_position")
        assert await refused(**{"Last-Event-ID": place}) == (409, "position_of_another_log")
        wrong = await seed(settings, scopes=["sessions:write"])
        assert (await refused(Authorization=f"Bearer {wrong}"))[0] == 403


async def test_a_watcher_who_leaves_is_forgotten(nats_url: str, database: str) -> None:
    settings, rooms = gateway_settings(nats_url, database), MemoryLiveKit()
    key = await seed(settings)
    async with a_served_gateway(settings, key, rooms) as gateway:
        session = await started(gateway)
        for _ in range(3):
            async with watching(gateway, session) as heard:
                await until(lambda: "requested" in heard.types)

        def readers() -> list[str]:
            return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("gateway.live:")]

        await until(lambda: readers() == [], what="no task reads for a watcher who left")


class AClient:
    """An ASGI client that reads `takes` messages and then no more, or goes away."""

    def __init__(self, *, takes: int, stays: bool) -> None:
        self.messages: list[Any] = []
        self._takes, self._stays = takes, stays
        self._stopped = asyncio.Event()

    async def send(self, message: Any) -> None:
        if len(self.messages) >= self._takes:
            self._stopped.set()
            await asyncio.Event().wait()
        self.messages.append(message)

    async def receive(self) -> Any:
        await (asyncio.Event() if self._stays else self._stopped).wait()
        return {"type": "http.disconnect"}


@pytest.mark.parametrize("stays", [True, False], ids=["reads no more", "goes away"])
async def test_a_client_that_does_not_read_is_let_go_and_its_stream_closed(stays: bool) -> None:
    closed, left = asyncio.Event(), []

    async def frames() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"data: 1\n\n"
        finally:
            closed.set()

    stream = LiveStream(frames(), left=lambda: left.append(1), slow_s=0.05)
    client = AClient(takes=3, stays=stays)
    request = RequestFactory().get("/")
    response = stream.to_asgi_response(None, request)
    async with asyncio.timeout(5):
        await response(request.scope, client.receive, client.send)

    assert (len(client.messages), left, closed.is_set()) == (3, [1], True)
    assert all(message.get("more_body", True) for message in client.messages)
