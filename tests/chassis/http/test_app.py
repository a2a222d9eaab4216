"""Every answer of a service's application has one shape, and every handler says who may call it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from chassis.access import Access, Mode
from chassis.errors import NotAuthenticated, TooMany
from chassis.event_log import LogFault
from chassis.http.app import Caller, PathId, create_app
from chassis.memory.event_log import MemoryEventLog
from chassis.principal import Principal
from chassis.recording import current_traceparent
from contracts.ids import CustomerId

pytestmark = pytest.mark.unit


class Order(msgspec.Struct, forbid_unknown_fields=True):
    count: int
    rush: bool = False


@post("/orders", opt={"scope": "orders:write"})
async def order(data: JSONBody[Order], principal: Caller, shop: NamedDependency[str]) -> dict[str, str]:
    match data.count:
        case 1:
            return {"shop": shop, "customer": principal.customer}
        case 2:
            raise TooMany("one at a time")
        case 3:
            raise LogFault("secret detail")
        case _:
            raise RuntimeError("secret detail")


@get("/things/{thing_id:str}", opt={"public": True})
async def thing(thing_id: PathId) -> dict[str, str]:
    return {"id": thing_id, "trace": current_traceparent()}


@delete("/things/{thing_id:str}", opt={"scope": "orders:write"})
async def remove(thing_id: PathId) -> None:
    return None


class OneKey(Access):
    """Knows one key."""

    def authenticate(self, credential: str, *, mode: Mode = "test") -> Principal:
        if credential not in ("good", "weak"):
            raise NotAuthenticated("unknown")
        scopes = frozenset({"orders:write"} if credential == "good" else set())
        return Principal(customer=CustomerId("acme"), actor="k", scopes=scopes, livemode=False)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    keys = OneKey(log=MemoryEventLog(), pepper=b"")
    keys.caught_up.set()
    app = create_app(
        name="test", routes=[order, thing, remove], dependencies={"shop": "corner"}, access=keys, ready=lambda: True
    )
    headers = {"Authorization": "Bearer good"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test", headers=headers
    ) as client:
        yield client


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text
    return body


async def test_a_good_request_gets_its_dependencies(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", json={"count": 1})
    assert (answer.status_code, answer.json()) == (201, {"shop": "corner", "customer": "acme"})


async def test_refusals_and_faults_are_problems(client: httpx.AsyncClient) -> None:
    busy = await client.post("/orders", json={"count": 2})
    assert problem(busy, 429, "too_many")["retryable"] is True
    assert busy.headers["retry-after"] == "1"
    problem(await client.post("/orders", json={"count": 3}), 503, "log_unavailable")
    problem(await client.post("/orders", json={"count": 4}), 500, "internal_error")


async def test_the_frameworks_own_errors_are_problems(client: httpx.AsyncClient) -> None:
    problem(await client.get("/nowhere"), 404, "not_found")
    problem(await client.get("/orders"), 405, "method_not_allowed")
    problem(await client.post("/orders", content=b"{"), 400, "invalid_input")
    wrong = problem(await client.post("/orders", json={"count": "x"}), 400, "invalid_input")
    assert wrong["errors"][0]["pointer"] == "/count"
    unknown = problem(await client.post("/orders", json={"count": 1, "colour": 1}), 400, "invalid_input")
    assert unknown["errors"][0]["pointer"] == ""
    problem(await client.post("/orders", content=b" " * (2**20 + 1)), 413, "too_large")


async def test_an_id_with_a_dot_or_a_star_is_refused_at_the_edge(client: httpx.AsyncClient) -> None:
    for bad in ("a.b", "a*", "%3E", "x" * 65):
        problem(await client.get(f"/things/{bad}"), 400, "invalid_input")
    assert (await client.get("/things/ses_1")).json()["id"] == "ses_1"


async def test_without_a_key_or_scope_nothing_opens(client: httpx.AsyncClient) -> None:
    for header in ("", "Bearer bad", "Basic good"):
        answer = await client.post("/orders", json={"count": 1}, headers={"Authorization": header})
        problem(answer, 401, "not_authenticated")
    weak = await client.post("/orders", json={"count": 1}, headers={"Authorization": "Bearer weak"})
    problem(weak, 403, "not_allowed")


async def test_what_may_be_asked_is_told_to_anybody(client: httpx.AsyncClient) -> None:
    for path, methods in (("/orders", "OPTIONS, POST"), ("/things/ses_1", "DELETE, GET, OPTIONS")):
        answer = await client.options(path, headers={"Authorization": ""})
        assert (answer.status_code, answer.headers["allow"]) == (204, methods)


async def test_a_body_is_read_as_what_it_is_and_not_as_a_query(client: httpx.AsyncClient) -> None:
    for body in ({"count": "1"}, {"count": True}, {"count": 1.5}, {"count": 1, "rush": 1}, {"count": 1, "rush": "no"}):
        wrong = problem(await client.post("/orders", json=body), 400, "invalid_input")
        assert wrong["errors"][0]["pointer"] == ("/rush" if "rush" in body else "/count")
    problem(await client.post("/orders", content=b"{"), 400, "invalid_input")
    problem(await client.post("/orders", content=b'{"count": "\xff"}'), 400, "invalid_input")
    assert (await client.post("/orders", json={"count": 1.0, "rush": True})).status_code == 201


async def test_until_the_keys_are_read_nobody_is_told_that_a_key_is_wrong() -> None:
    keys = OneKey(log=MemoryEventLog(), pepper=b"")
    app = create_app(name="test", routes=[order], dependencies={"shop": "x"}, access=keys, ready=lambda: False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post("/orders", json={"count": 1}, headers={"Authorization": "Bearer good"})
        problem(answer, 503, "unavailable")
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503


async def test_a_request_id_comes_back_and_a_bad_one_is_replaced(client: httpx.AsyncClient) -> None:
    assert (await client.get("/things/a", headers={"X-Request-Id": "mine"})).headers["x-request-id"] == "mine"
    assert (await client.get("/things/a", headers={"X-Request-Id": "no good"})).headers["x-request-id"] != "no good"


async def test_the_callers_trace_goes_on(client: httpx.AsyncClient) -> None:
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    continued = (await client.get("/things/a", headers=headers)).json()["trace"]
    assert continued.split("-")[1] == trace_id
    fresh = (await client.get("/things/a")).json()["trace"]
    assert fresh.split("-")[1] != trace_id


def test_a_handler_that_says_nothing_about_its_callers_does_not_start() -> None:
    @get("/open")
    async def forgot() -> None: ...

    with pytest.raises(RuntimeError, match="scope"):
        create_app(
            name="test",
            routes=[forgot],
            dependencies={},
            access=OneKey(log=MemoryEventLog(), pepper=b""),
            ready=lambda: True,
        )
