"""Idempotency-Key in front of a handler: acts once, answers again, and keeps no refusal."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from litestar import post
from litestar.params import JSONBody
from tests.support.until import until

from chassis.access import Access, Mode
from chassis.errors import Conflict, NotAuthenticated, Unavailable
from chassis.http.app import Caller, create_app
from chassis.idempotency import Answer, KeyReused, Once, StillRunning
from chassis.memory.event_log import MemoryEventLog
from chassis.principal import Principal
from contracts.ids import CustomerId

pytestmark = pytest.mark.unit


class Order(msgspec.Struct, forbid_unknown_fields=True):
    count: int


class Shop:
    """What the handler did, and when it may go on."""

    def __init__(self) -> None:
        self.orders = 0
        self.open = asyncio.Event()
        self.open.set()


SHOP = Shop()


@post("/orders", opt={"scope": "orders:write", "idempotent": True})
async def order(data: JSONBody[Order], principal: Caller) -> dict[str, int]:
    await SHOP.open.wait()
    if data.count == 0:
        raise Conflict("nothing to order")
    if data.count < 0:
        raise RuntimeError("broken")
    SHOP.orders += 1
    return {"order": SHOP.orders}


class TwoKeys(Access):
    def authenticate(self, credential: str, *, mode: Mode = "test") -> Principal:
        customer, _, weak = credential.partition(" ")
        if customer not in ("acme", "other"):
            raise NotAuthenticated("unknown")
        scopes = frozenset() if weak else frozenset({"orders:write"})
        return Principal(customer=CustomerId(customer), actor="k", scopes=scopes, livemode=mode == "live")


class MemoryAnswers:
    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, str], tuple[str, Answer | None]] = {}
        self.down = False

    async def claim(self, once: Once) -> Answer | None:
        name = (once.customer, once.route, once.key)
        if name not in self.kept:
            self.kept[name] = (once.fingerprint, None)
            return None
        fingerprint, answer = self.kept[name]
        if fingerprint != once.fingerprint:
            raise KeyReused
        if answer is None:
            raise StillRunning
        return answer

    async def keep(self, once: Once, answer: Answer) -> None:
        if self.down:
            raise Unavailable("down")
        self.kept[once.customer, once.route, once.key] = (once.fingerprint, answer)

    async def release(self, once: Once) -> None:
        del self.kept[once.customer, once.route, once.key]


@pytest.fixture
def answers() -> MemoryAnswers:
    SHOP.orders, SHOP.open = 0, asyncio.Event()
    SHOP.open.set()
    return MemoryAnswers()


@pytest.fixture
async def client(answers: MemoryAnswers) -> AsyncIterator[httpx.AsyncClient]:
    keys = TwoKeys(log=MemoryEventLog(), pepper=b"")
    keys.caught_up.set()
    app = create_app(name="test", routes=[order], dependencies={}, access=keys, ready=lambda: True, answers=answers)
    headers = {"Authorization": "Bearer acme", "Idempotency-Key": "one"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


async def test_a_repetition_gets_the_first_answer_and_acts_no_more(client: httpx.AsyncClient) -> None:
    first = await client.post("/orders", json={"count": 1})
    again = await client.post("/orders", json={"count": 1})
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, {"order": 1})
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert SHOP.orders == 1


async def test_another_request_under_the_same_key_is_refused(client: httpx.AsyncClient) -> None:
    await client.post("/orders", json={"count": 1})
    refused = await client.post("/orders", json={"count": 2})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert SHOP.orders == 1


async def test_a_key_is_of_one_customer(client: httpx.AsyncClient) -> None:
    await client.post("/orders", json={"count": 1})
    other = await client.post("/orders", json={"count": 1}, headers={"Authorization": "Bearer other"})
    assert other.json() == {"order": 2}


async def test_who_may_not_ask_gets_no_answer_of_anothers_either(client: httpx.AsyncClient) -> None:
    await client.post("/orders", json={"count": 1})
    weak = await client.post("/orders", json={"count": 1}, headers={"Authorization": "Bearer acme weak"})
    assert (weak.status_code, weak.json()["code"]) == (403, "not_allowed")
    live = await client.post("/orders", json={"count": 1}, headers={"Baton-Mode": "live"})
    assert (live.status_code, live.json()["code"]) == (422, "idempotency_key_reused")


async def test_while_the_first_is_at_work_the_second_is_told_to_wait(
    client: httpx.AsyncClient, answers: MemoryAnswers
) -> None:
    SHOP.open.clear()
    first = asyncio.create_task(client.post("/orders", json={"count": 1}))
    await until(lambda: bool(answers.kept), what="the first is at work")
    waiting = await client.post("/orders", json={"count": 1})
    assert (waiting.json()["code"], waiting.headers["retry-after"]) == ("idempotency_key_in_use", "1")
    SHOP.open.set()
    assert (await first).json() == {"order": 1}


@pytest.mark.parametrize(("count", "status"), [(0, 409), (-1, 500), ("x", 400)])
async def test_refusals_and_faults_are_not_kept(
    client: httpx.AsyncClient, answers: MemoryAnswers, count: object, status: int
) -> None:
    assert (await client.post("/orders", json={"count": count})).status_code == status
    assert answers.kept == {}
    assert (await client.post("/orders", json={"count": 1})).status_code == 201


async def test_what_was_done_is_told_although_it_could_not_be_kept(
    client: httpx.AsyncClient, answers: MemoryAnswers
) -> None:
    answers.down = True
    assert (await client.post("/orders", json={"count": 1})).json() == {"order": 1}
    assert (await client.post("/orders", json={"count": 1})).status_code == 409


async def test_nobody_without_a_key_of_ours_leaves_anything(client: httpx.AsyncClient, answers: MemoryAnswers) -> None:
    refused = await client.post("/orders", json={"count": 1}, headers={"Authorization": "Bearer x"})
    assert refused.status_code == 401
    assert answers.kept == {}


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient, key: str) -> None:
    refused = await client.post("/orders", json={"count": 1}, headers={"Idempotency-Key": key.encode()})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_idempotency_key")


async def test_a_body_over_the_limit_is_refused_as_ever(client: httpx.AsyncClient, answers: MemoryAnswers) -> None:
    refused = await client.post("/orders", content=b" " * (2**20 + 1))
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert answers.kept == {}
