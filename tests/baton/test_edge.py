"""One public origin: which service answers which path."""

import asyncio

import httpx
import pytest

from baton import edge
from chassis.service import Asgi, serving

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/session/start", "gateway"),
        ("/api/session/ses_1/token", "gateway"),
        ("/webhooks/livekit", "gateway"),
        ("/api/webhooks", "gateway"),
        ("/api/webhooks/whk_1/deliveries", "gateway"),
        ("/readyz", "gateway"),
        ("/api/agents", "config"),
        ("/api/templates/tpl_1/publish", "config"),
        ("/api/keys/key_1", "config"),
        ("/api/sessions", "gateway"),
        ("/api/sessions/ses_1", "gateway"),
        ("/api/sessions/ses_1/live", "gateway"),
        ("/api/sessions/ses_1/log", "gateway"),
        ("/api/sessions/ses_1/logs", "ledger"),
        ("/api/sessions/ses_1/panels", "panel-bridge"),
        ("/api/sessions/ses_1/panels/coding_ide/commands", "panel-bridge"),
        ("/api/sessions/ses_1/timeline", "ledger"),
        ("/api/sessions/ses_1/panelsx", "ledger"),
        ("/api/ledger/public-key", "ledger"),
        ("/api/agentsx", None),
        ("/", None),
        ("/metrics", None),
    ],
)
def test_each_path_has_one_service(path: str, service: str | None) -> None:
    assert edge.service_of(path) == service


def an_echo(name: str) -> Asgi:
    async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = [(b"x-service", name.encode()), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        query = scope["query_string"]
        await send({"type": "http.response.body", "body": scope["path"].encode() + b"?" + query + b" " + body})

    return app


async def test_in_one_process_the_service_gets_the_request() -> None:
    app = edge.together({"gateway": an_echo("gateway"), "config": an_echo("config")})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post("/api/session/start?a=1", content=b"hello")
        assert (answer.status_code, answer.text) == (201, "/api/session/start?a=1 hello")
        assert answer.headers["x-service"] == "gateway"
        missing = await client.get("/nowhere")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
        left_out = await client.get("/api/sessions/ses_1/timeline")
        assert (left_out.status_code, left_out.json()["code"]) == (503, "unavailable")


async def test_apart_the_request_is_forwarded_whole() -> None:
    async with serving(an_echo("ledger")) as port, httpx.AsyncClient() as onward:
        urls = {"ledger": f"http://127.0.0.1:{port}", "config": "http://127.0.0.1:1"}
        app = edge.apart(urls, onward)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            answer = await client.post("/api/sessions/s/timeline?limit=2", content=b"x" * 100_000)
            assert answer.status_code == 201
            assert answer.text == "/api/sessions/s/timeline?limit=2 " + "x" * 100_000
            assert answer.headers["x-service"] == "ledger"
            away = await client.get("/api/agents")
            assert (away.status_code, away.json()["code"], away.json()["retryable"]) == (503, "unavailable", True)
            left_out = await client.get("/api/session/ses_1/status")
            assert (left_out.status_code, left_out.json()["code"]) == (503, "unavailable")
            large = await client.post("/api/sessions/s/x", content=b"x" * (2**20 + 1))
            assert (large.status_code, large.json()["code"]) == (413, "too_large")
            document = await client.post("/api/knowledge/documents", content=b"x" * (2**20 + 1))
            assert document.status_code == 503, "a document may be longer than other bodies"


async def test_apart_a_stream_comes_as_it_is_made_and_ends_when_its_reader_leaves() -> None:
    cut = asyncio.Event()

    async def endless(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        cut.set()

    async with serving(endless) as port, httpx.AsyncClient() as onward:
        app = edge.apart({"gateway": f"http://127.0.0.1:{port}"}, onward)
        async with serving(app) as outer, httpx.AsyncClient(base_url=f"http://127.0.0.1:{outer}") as client:
            async with client.stream("GET", "/api/sessions/ses_1/live") as answer:
                assert await anext(answer.aiter_bytes()) == b"data: 1\n\n"
            await asyncio.wait_for(cut.wait(), 5)
