"""One MCP session: against the real server of the official SDK, and against peers that misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from tests.support.listeners import Talk, answering, listening
from tests.support.mcp_peers import HELLO, TOOL, rpc
from tests.support.mcp_server import a_real_mcp_server
from tests.support.until import until

from chassis.guarded_addresses import loopback_only
from chassis.guarded_http import AddressRefused, AnswerTooLarge, GuardedClient, GuardedFault, NotReached, TooSlow
from chassis.mcp import connection as module
from chassis.mcp.connection import McpConnection
from chassis.mcp.messages import HttpStatusFault, McpFault, RpcFault, VersionUnsupported

pytestmark = pytest.mark.unit

OPEN_S = 5.0


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with GuardedClient(allow=loopback_only) as client:
        yield client


def connecting(client: GuardedClient, url: str, changed: Callable[[], None] = lambda: None) -> McpConnection:
    return McpConnection(client=client, url=url, headers={"Authorization": "Bearer 1"}, on_tools_changed=changed)


@pytest.mark.parametrize("as_json", [False, True], ids=["events", "json"])
async def test_a_real_server_is_opened_listed_called_and_left(client: GuardedClient, as_json: bool) -> None:
    async with a_real_mcp_server(as_json=as_json) as real:
        connection = connecting(client, real.url)
        opened = await connection.open(timeout_s=OPEN_S)
        assert (opened.server_info.name, opened.server_info.version) == ("shop", "7")
        tools = {one.name: one for one in await connection.list_tools(timeout_s=OPEN_S)}
        assert tools["look_up"].description == "Looks up an order."
        assert tools["look_up"].input_schema["required"] == ["order"]
        assert tools["look_up"].annotations.idempotent_hint
        answer = await connection.call_tool("look_up", {"order": "A1"}, timeout_s=OPEN_S)
        assert (answer.is_error, answer.text) == (False, "order A1: 12 EUR")
        failed = await connection.call_tool("boom", {}, timeout_s=OPEN_S)
        assert failed.is_error
        with pytest.raises(TooSlow):
            await connection.call_tool("slow", {}, timeout_s=0.3)
        with pytest.raises(AnswerTooLarge):
            await connection.call_tool("huge", {}, timeout_s=OPEN_S)
        await connection.close()
        assert real.methods[-1] == "DELETE"
        first, *rest = real.headers
        assert "mcp-session-id" not in first
        assert all(one["mcp-session-id"] and one["mcp-protocol-version"] == "2025-11-25" for one in rest)
        assert all(one["authorization"] == "Bearer 1" for one in real.headers)


async def test_a_session_that_the_server_forgot_is_begun_anew_once_for_all_calls(client: GuardedClient) -> None:
    async with a_real_mcp_server() as real:
        connection = connecting(client, real.url)
        await connection.open(timeout_s=OPEN_S)
        connection._session = "forgotten"
        before = len(real.methods)
        calls = [connection.call_tool("look_up", {"order": str(n)}, timeout_s=OPEN_S) for n in range(3)]
        assert [one.is_error for one in await asyncio.gather(*calls)] == [False] * 3
        assert sorted(real.orders) == ["0", "1", "2"]
        assert len(real.methods) - before == 3 + 2 + 3, "three refused, one handshake, three done"


async def test_a_change_of_the_tools_is_heard_on_the_stream_for_it(client: GuardedClient) -> None:
    heard: list[None] = []
    async with a_real_mcp_server() as real:
        connection = connecting(client, real.url, lambda: heard.append(None))
        await connection.open(timeout_s=OPEN_S)
        listening_to_it = asyncio.create_task(connection.listen(timeout_s=OPEN_S))
        await until(lambda: "GET" in real.methods)
        await connection.call_tool("rename", {}, timeout_s=OPEN_S)
        await until(lambda: bool(heard), what="the change is heard")
        await connection.close()
        assert await listening_to_it is True


async def test_tools_come_from_all_pages_and_an_endless_list_is_refused(client: GuardedClient) -> None:
    pages = [{"tools": [TOOL], "nextCursor": "2"}, {"tools": [{**TOOL, "name": "u"}]}]
    async with listening(rpc({"initialize": HELLO, "tools/list": pages})) as peer:
        connection = connecting(client, f"http://127.0.0.1:{peer.port}/")
        await connection.open(timeout_s=OPEN_S)
        assert [one.name for one in await connection.list_tools(timeout_s=OPEN_S)] == ["t", "u"]
        assert b'"cursor":"2"' in peer.requests[-1]
    async with listening(rpc({"tools/list": {"tools": [TOOL], "nextCursor": "again"}})) as peer:
        with pytest.raises(McpFault, match="pages"):
            await connecting(client, f"http://127.0.0.1:{peer.port}/").list_tools(timeout_s=OPEN_S)
        assert peer.connections == module.MAX_PAGES


async def test_a_ping_amid_an_answer_is_answered_and_other_requests_are_refused(client: GuardedClient) -> None:
    asked: list[dict[str, object]] = [
        {"id": "p", "method": "ping"},
        {"id": "s", "method": "sampling/createMessage", "params": {}},
    ]
    changed: list[dict[str, object]] = [{"method": "notifications/tools/list_changed"}]
    before = "".join(f"data: {json.dumps(one | {'jsonrpc': '2.0'})}\n\n" for one in [*asked, *changed])
    heard: list[None] = []
    talk = rpc({"initialize": HELLO, "tools/call": {"content": []}}, stream=True, before="id: 1\ndata:\n\n" + before)
    async with listening(talk) as peer:
        connection = connecting(client, f"http://127.0.0.1:{peer.port}/", lambda: heard.append(None))
        answer = await connection.call_tool("t", {}, timeout_s=OPEN_S)
        assert answer.text == ""
        sent = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in peer.requests[1:]]
    assert sent[0] == {"jsonrpc": "2.0", "id": "p", "result": {}}
    assert (sent[1]["id"], sent[1]["error"]["code"]) == ("s", -32601)
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("talk", "fault"),
    [
        (rpc({"initialize": {**HELLO, "protocolVersion": "2024-11-05"}}), VersionUnsupported),
        (rpc({"initialize": {**HELLO, "protocolVersion": "2026-07-28"}}), VersionUnsupported),
        (rpc({"initialize": {"error": {"code": -32600, "message": "secret inside"}}}), RpcFault),
        (rpc({"initialize": {"serverInfo": 1}}), McpFault),
        (rpc({"initialize": HELLO}, session="a b"), McpFault),
        (answering("401 No", body=b"secret inside"), HttpStatusFault),
        (answering("307 Temporary", headers="Location: http://127.0.0.1/\r\n"), HttpStatusFault),
        (answering(headers="Content-Type: text/html\r\n", body=b"<html>"), McpFault),
        (answering(headers="Content-Type: application/json\r\n", body=b"[" * 10_000), McpFault),
        (answering(headers="Content-Type: application/json\r\n", body=b'{"id": 7}'), McpFault),
        (answering(headers="Content-Type: application/json\r\n", body=b"x" * 2_000_000), AnswerTooLarge),
        (answering(headers="Content-Type: text/event-stream\r\n", body=b"data: " + b"x" * 2_000_000), AnswerTooLarge),
        (answering(headers="Content-Type: text/event-stream\r\n", body=b": only talk\n\n"), McpFault),
        (answering(headers="Content-Type: text/event-stream\r\n", body=b'data: {"method": "x"}\n\n' * 1001), McpFault),
    ],
    ids=[
        *("old", "new", "error", "form", "session", "status", "redirect", "html", "deep", "other", "huge", "long"),
        *("silent", "talkative"),
    ],
)
async def test_an_answer_that_is_no_good_is_a_fault_that_quotes_nothing(
    client: GuardedClient, talk: Talk, fault: type[GuardedFault]
) -> None:
    async with listening(talk) as peer:
        with pytest.raises(fault) as caught:
            await connecting(client, f"http://127.0.0.1:{peer.port}/").open(timeout_s=OPEN_S)
        assert type(caught.value) is fault
        assert "secret inside" not in str(caught.value)
        assert peer.connections == 1


async def test_what_does_not_answer_or_may_not_be_reached_is_a_fault(client: GuardedClient) -> None:
    async def silent(_request: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with listening(silent) as peer, GuardedClient() as production:
        url = f"http://127.0.0.1:{peer.port}/"
        with pytest.raises(AddressRefused):
            await connecting(production, url).open(timeout_s=OPEN_S)
        assert peer.connections == 0
        with pytest.raises(TooSlow) as caught:
            await connecting(client, url).open(timeout_s=0.2)
        assert caught.value.sent
    with pytest.raises(NotReached):
        await connecting(client, url).open(timeout_s=OPEN_S)


async def test_a_server_without_a_stream_of_its_own_is_not_listened_to(client: GuardedClient) -> None:
    async with listening(answering("405 No")) as peer:
        assert await connecting(client, f"http://127.0.0.1:{peer.port}/").listen(timeout_s=OPEN_S) is False
