"""/api/mcp-servers over a real NATS, against the real server of MCP's SDK: what is approved is what was seen."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.support.config_api import a_config_api, problem
from tests.support.listeners import answering, listening
from tests.support.mcp_server import RealMcpServer, a_real_mcp_server

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.object_store import NatsObjectStore
from contracts.commands.mcp import McpToolsAnswer, McpToolsRefused, McpToolsTaken, ReportMcpTools, SeenChange
from contracts.commands.secrets import OpenToolSecrets, ToolSecretsAnswer, ToolSecretsOpened
from contracts.envelope import decode_commit
from contracts.ids import CustomerId, VersionHash
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET, Log
from contracts.template_version import TemplateVersion, decode_version
from runtime.adapters.outside import asking_config, telling_config

pytestmark = pytest.mark.integration

CANARY = "canary-of-the-credentials"


@pytest.fixture
async def api(nats_url: str, database: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_config_api(nats_url, database, development_reach_loopback=True) as client:
        yield client


async def written(api: httpx.AsyncClient, url: str, name: str = "shop", **more: Any) -> dict[str, Any]:
    """The server, created or revised."""
    etag = (await api.get(f"/api/mcp-servers/{name}")).headers.get("etag")
    answer = await api.put(
        f"/api/mcp-servers/{name}", json={"url": url, **more}, headers={"If-Match": etag} if etag else {}
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def discovered(api: httpx.AsyncClient, name: str = "shop") -> dict[str, Any]:
    """The tools that the server offers, by name."""
    answer = await api.post(f"/api/mcp-servers/{name}/discover")
    assert answer.status_code == 200, answer.text
    assert answer.json()["failure"] == ""
    return {one["name"]: one for one in answer.json()["tools"]}


async def approve(api: httpx.AsyncClient, tools: dict[str, str], name: str = "shop", **more: Any) -> httpx.Response:
    return await api.post(f"/api/mcp-servers/{name}/approve", json={"tools": tools, **more})


async def publish(api: httpx.AsyncClient, *tools: str) -> httpx.Response:
    agent = {"name": "A", "instructions": "Help.", "tools": list(tools)}
    read = (await api.get("/api/agents/a")).headers.get("etag")
    await api.put("/api/agents/a", json=agent, headers={"If-Match": read} if read else {})
    await api.put("/api/templates/t", json={"name": "T", "agents": ["a"], "initial_agent": "a"})
    return await api.post("/api/templates/t/publish")


async def version_of(nats_url: str, hash: str) -> TemplateVersion:
    async with connect(nats_url, name="test") as nats:
        content = await NatsObjectStore(nats, TEMPLATE_VERSIONS_BUCKET).get(hash)
        return decode_version(content, VersionHash(hash))


async def told(nats_url: str, report: ReportMcpTools) -> McpToolsAnswer:
    """As a session's job tells it."""
    async with connect(nats_url, name="test") as nats:
        return await telling_config(nats)(report)


async def secrets(nats_url: str, hash: str, customer: str = "acme") -> ToolSecretsAnswer:
    """As a session's job asks."""
    async with connect(nats_url, name="test") as nats:
        question = OpenToolSecrets(customer=CustomerId(customer), version=VersionHash(hash))
        return await asking_config(nats)(question)


def a_report(hash: str, **changes: Any) -> ReportMcpTools:
    fields: dict[str, Any] = {
        "customer": "acme",
        "session": "ses_1",
        "version": hash,
        "livemode": False,
        "server": "shop",
        "changes": [SeenChange(tool="look_up", why="changed", seen="ab" * 32)],
        **changes,
    }
    return ReportMcpTools(**fields)


async def a_published_tool(api: httpx.AsyncClient, real: RealMcpServer, **more: Any) -> tuple[str, str]:
    """`shop.look_up`, approved and published: its hash and the version's."""
    await written(api, real.url, **more)
    hash = (await discovered(api))["look_up"]["hash"]
    assert (await approve(api, {"look_up": hash}, idempotent=["look_up"])).status_code == 200
    published = await publish(api, "shop.look_up", "end_session")
    assert published.status_code == 200, published.text
    return hash, published.json()["version"]


async def test_a_tool_is_discovered_approved_tried_and_published_as_it_was_seen(
    api: httpx.AsyncClient, nats_url: str
) -> None:
    async with a_real_mcp_server() as real:
        created = await written(api, real.url, headers={"Authorization": f"Bearer {CANARY}"})
        assert (created["headers"], created["tools"]) == (["Authorization"], {})
        refused = problem(await publish(api, "shop.look_up"))
        assert [one["code"] for one in refused["errors"]] == ["tool_not_approved"]
        tools = await discovered(api)
        assert {one["standing"] for one in tools.values()} == {"new"}
        assert tools["look_up"]["says_idempotent"]
        assert all(one["authorization"] == f"Bearer {CANARY}" for one in real.headers)
        hash, version = await a_published_tool(api, real)
        assert (await discovered(api))["look_up"]["standing"] == "approved"
        server = (await version_of(nats_url, version)).mcp_servers["shop"]  # type: ignore[index]
        assert (server.url, server.timeout_s, list(server.tools)) == (real.url, 10, ["look_up"])
        assert (server.tools["look_up"].hash, server.tools["look_up"].idempotent) == (hash, True)
        assert server.tools["look_up"].parameters["required"] == ["order"]
        tried = await api.post("/api/mcp-servers/shop/try", json={"tool": "look_up", "arguments": {"order": "A1"}})
        assert tried.json()["text"] == "order A1: 12 EUR"
        for arguments in ({}, {"order": 1}):
            wrong = await api.post("/api/mcp-servers/shop/try", json={"tool": "look_up", "arguments": arguments})
            assert problem(wrong)["errors"][0]["code"] == "breaks_schema"
        assert real.orders == ["A1"]
        listed = (await api.get("/api/tools")).json()["data"]
        (shown,) = [one for one in listed if one["kind"] == "mcp"]
        assert (shown["name"], shown["description"]) == ("shop.look_up", "Looks up an order.")
        position = (await api.get("/api/mcp-servers/shop")).json()["position"]
        page = await api.get("/api/mcp-servers", params={"min_position": position})
        assert [one["name"] for one in page.json()["data"]] == ["shop"]


async def test_a_tool_that_a_session_saw_changed_is_disabled_until_it_is_approved_again(
    api: httpx.AsyncClient, nats_url: str
) -> None:
    async with a_real_mcp_server() as real:
        approved, version = await a_published_tool(api, real, headers={"X-Key": CANARY})
        opened = await secrets(nats_url, version)
        assert isinstance(opened, ToolSecretsOpened)
        assert (opened.mcp["shop"].headers, opened.mcp["shop"].approved) == ({"X-Key": CANARY}, {"look_up": approved})
        real.replace("look_up", lambda order, every: order, description="Looks up an order.")
        now = (await discovered(api))["look_up"]
        assert (now["standing"], now["hash"] != approved) == ("changed", True)
        changes = [SeenChange(tool="look_up", why="changed", seen=now["hash"])]
        assert await told(nats_url, a_report(version, changes=changes)) == McpToolsTaken(disabled=["look_up"])
        assert await told(nats_url, a_report(version, changes=changes)) == McpToolsTaken(disabled=[])
        for stranger in (a_report(version, customer="other"), a_report("ab" * 32), a_report(version, server="none")):
            assert isinstance(await told(nats_url, stranger), McpToolsRefused)
        shown = (await api.get("/api/mcp-servers/shop")).json()["tools"]["look_up"]
        assert shown["disabled"] == {"why": "changed", "seen": now["hash"]}
        assert (await discovered(api))["look_up"]["standing"] == "disabled"
        opened = await secrets(nats_url, version)
        assert isinstance(opened, ToolSecretsOpened)
        assert opened.mcp["shop"].approved == {}
        assert problem(await publish(api, "shop.look_up"))["errors"][0]["code"] == "tool_not_approved"
        assert (await approve(api, {"look_up": now["hash"]})).status_code == 200
        again = await publish(api, "shop.look_up")
        assert (again.status_code, again.json()["number"]) == (200, 2)
        late = await told(nats_url, a_report(version, changes=changes))
        assert late == McpToolsTaken(disabled=[]), "an old session saw what is approved by now"
        audit = (await api.get("/api/audit", params={"kind": "mcp_server"})).text
        assert "mcp_server.tool_disabled" in audit


async def test_credentials_stay_where_they_were_given_for(api: httpx.AsyncClient, nats_url: str) -> None:
    async with a_real_mcp_server() as real, listening(answering()) as other:
        _, version = await a_published_tool(api, real, headers={"Authorization": CANARY})
        elsewhere = f"http://127.0.0.1:{other.port}/mcp"
        etag = (await api.get("/api/mcp-servers/shop")).headers["etag"]
        moved = await api.put("/api/mcp-servers/shop", json={"url": elsewhere}, headers={"If-Match": etag})
        assert problem(moved)["errors"][0]["code"] == "needed_for_another_origin"
        assert (await written(api, real.url, headers={"Authorization": CANARY}))["position"], "the same, said again"
        assert (await api.get("/api/mcp-servers/shop")).headers["etag"] == etag
        now = await written(api, elsewhere, headers={"Authorization": "another"})
        assert now["tools"] == {}, "another server might answer there"
        opened = await secrets(nats_url, version)
        assert isinstance(opened, ToolSecretsOpened)
        assert opened.mcp == {}
        async with connect(nats_url, name="test") as nats:
            stored = [commit.payload async for commit in NatsEventLog(nats).read(Log.CONFIG, "cfg.>")]
        assert not any(CANARY.encode() in payload for payload in stored)
        types = {event.type for payload in stored for event in decode_commit(payload)}
        assert {"mcp_server.created", "mcp_server.revised", "mcp_server.secret_replaced"} <= types


async def what_changed_between_looking_and_approving_is_not_approved(api: httpx.AsyncClient) -> None:
    async with a_real_mcp_server() as real:
        await written(api, real.url, "moving")
        tools = await discovered(api, "moving")
        real.replace("look_up", lambda order: order, description="Sends every order again.")
        answer = await approve(api, {"look_up": tools["look_up"]["hash"], "boom": tools["boom"]["hash"]}, "moving")
        assert (answer.status_code, problem(answer)["code"]) == (409, "mcp_tools_changed")
        assert problem(answer)["errors"][0]["pointer"] == "/tools/look_up"
        assert (await api.get("/api/mcp-servers/moving")).json()["tools"] == {}
        gone = await approve(api, {"never": "ab" * 32}, "moving")
        assert problem(gone)["code"] == "mcp_tools_changed"
        now = (await discovered(api, "moving"))["look_up"]["hash"]
        unsaid = await approve(api, {"look_up": now}, "moving", idempotent=["look_up"])
        assert problem(unsaid)["errors"][0]["code"] == "not_said", "its annotation went with the change"
        assert (await approve(api, {"look_up": now}, "moving")).status_code == 200


async def a_server_is_checked_as_it_is_written(api: httpx.AsyncClient) -> None:
    good = {"url": "https://mcp.example.com/mcp"}
    for wrong, pointer in (
        ({"url": "ftp://mcp.example.com"}, "/url"),
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"timeout_s": 0}, "/timeout_s"),
        ({"allowed_tools": ["a", "a"]}, "/allowed_tools/1"),
        ({"headers": {"Host": "x"}}, "/headers/Host"),
        ({"headers": {"X-Key": "a\r\nb"}}, "/headers/X-Key"),
        ({"headers": {"X-Key": "1", "x-key": "2"}}, "/headers"),
    ):
        answer = await api.put("/api/mcp-servers/checked", json={**good, **wrong})
        assert [one["pointer"] for one in problem(answer)["errors"]] == [pointer]
    assert problem(await api.put("/api/mcp-servers/No", json=good))["errors"][0]["code"] == "not_a_name"
    assert (await api.put("/api/mcp-servers/checked", json=good)).status_code == 200
    assert (await api.put("/api/mcp-servers/checked", json=good)).status_code == 200, "the same again"
    assert (await api.put("/api/mcp-servers/checked", json={**good, "timeout_s": 9})).status_code == 428
    for _ in range(2):
        assert (await api.post("/api/mcp-servers/checked/archive")).json()["archived"] is True
    for path in ("discover", "try"):
        answer = await api.post(f"/api/mcp-servers/checked/{path}", json={"tool": "x"} if path == "try" else None)
        assert problem(answer)["code"] == "mcp_server_archived"


async def a_server_that_gives_no_answer_is_told_and_approves_nothing(api: httpx.AsyncClient) -> None:
    async with listening(answering("307 Moved", headers="Location: /elsewhere\r\n")) as peer:
        await written(api, f"http://127.0.0.1:{peer.port}/", "silent")
        found = (await api.post("/api/mcp-servers/silent/discover")).json()
        assert (found["failure"], found["tools"]) == ("http_error", [])
        refused = await approve(api, {"look_up": "ab" * 32}, "silent")
        assert (refused.status_code, problem(refused)["code"]) == (409, "mcp_server_out_of_reach")
        tried = await api.post("/api/mcp-servers/silent/try", json={"tool": "look_up"})
        assert tried.json()["failure"] == "http_error"
        assert peer.connections == 3, "one for each, and none for where the redirect leads"
    assert (await api.post("/api/mcp-servers/silent/discover")).json()["failure"] == "not_reached"


async def a_tool_outside_the_rules_cannot_be_approved_and_hinders_no_other(api: httpx.AsyncClient) -> None:
    async with a_real_mcp_server() as real:
        real.server.add_tool(lambda: "x", name="t" * 100, description="Too long a name for a model.")
        real.server.add_tool(lambda: "x", name="talk", description="y" * 5000)
        await written(api, real.url, "odd", allowed_tools=["look_up", "talk", "t" * 100])
        tools = await discovered(api, "odd")
        assert [one["code"] for one in tools["t" * 100]["mistakes"]] == ["too_long"]
        refused = await approve(api, {name: tools[name]["hash"] for name in ("look_up", "talk")}, "odd")
        assert problem(refused)["errors"][0]["pointer"] == "/tools/talk/description"
        assert not tools["boom"]["allowed"]
        forbidden = await approve(api, {"boom": tools["boom"]["hash"]}, "odd")
        assert problem(forbidden)["errors"][0]["code"] == "not_allowed"
        assert (await approve(api, {"look_up": tools["look_up"]["hash"]}, "odd")).status_code == 200
        await written(api, real.url, "odd", allowed_tools=["talk"])
        assert problem(await publish(api, "odd.look_up"))["errors"][0]["code"] == "tool_not_approved"


async def test_what_cannot_be_is_refused_by_name_and_does_nothing(api: httpx.AsyncClient) -> None:
    await what_changed_between_looking_and_approving_is_not_approved(api)
    await a_server_is_checked_as_it_is_written(api)
    await a_server_that_gives_no_answer_is_told_and_approves_nothing(api)
    await a_tool_outside_the_rules_cannot_be_approved_and_hinders_no_other(api)
