"""/api/audit over the real parts: every change with who made it and what it changed, and no secret."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.support.config_api import TRIAGE, a_config_api, define, problem

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.postgres.rebuild import check
from config.read_models.audit import Audit
from config.read_models.entity_index import SERVICE

pytestmark = pytest.mark.integration

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOOL = {
    "name": "orders",
    "description": "Orders\u0000.",
    "parameters": {"type": "object"},
    "url": "https://tools.example.com/?key=k1",
    "secret": SECRET,
}


@pytest.fixture
async def api(nats_url: str, database: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_config_api(nats_url, database) as client:
        yield client


async def audit(api: httpx.AsyncClient, position: str = "", **query: str) -> list[dict[str, Any]]:
    answer = await api.get("/api/audit", params={**({"min_position": position} if position else {}), **query})
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def test_every_change_is_told_with_who_made_it_and_what_it_changed(
    api: httpx.AsyncClient, nats_url: str, database: str
) -> None:
    await define(api)
    await api.put("/api/agents/triage", json={**TRIAGE, "instructions": "Route kindly."}, headers={"If-Match": "*"})
    tool = await api.post("/api/tools", json=TOOL)
    assert tool.status_code == 201, tool.text
    issued = (await api.post("/api/keys", json={"scopes": ["agents:write"]})).json()
    await api.delete(f"/api/keys/{issued['id']}")
    invitation = {"email": "ada@example.com", "role": "developer"}
    invited = (await api.post("/api/invitations", json=invitation)).json()
    published = await api.post("/api/templates/help/publish")
    position = published.json()["position"]

    told = await audit(api, position)
    assert [(one["type"], one["entity"]) for one in told[:7]] == [
        ("template.published", "help"),
        ("invitation.created", invited["id"]),
        ("api_key.revoked", issued["id"]),
        ("api_key.issued", issued["id"]),
        ("custom_tool.created", "orders"),
        ("agent_definition.revised", "triage"),
        ("template.created", "help"),
    ]
    assert {one["actor_kind"] for one in told[:-1]} == {"key"}
    assert told[-1]["actor_kind"] == "baton", "the first key was issued by nobody's key"
    revised = told[5]
    assert revised["changes"] == [{"pointer": "/definition/instructions", "before": "Route.", "after": "Route kindly."}]
    assert (revised["kind"], revised["whole"], revised["position"][:3]) == ("agent", True, "p1.")
    assert {"pointer": "/revoked", "after": True} in told[2]["changes"]
    text = (await api.get("/api/audit")).text
    assert SECRET not in text
    assert "ada@example.com" not in text
    assert invited["token"].rpartition("~")[2] not in text
    assert "key=k1" not in text
    assert issued["key"] not in text

    assert {one["type"] for one in await audit(api, kind="api_key")} == {"api_key.revoked", "api_key.issued"}
    assert len(await audit(api, kind="agent", entity="triage")) == 2
    me = told[0]["actor"]
    assert len(await audit(api, actor=me)) == len(told) - 1
    at = told[3]["at"]
    assert [one["type"] for one in await audit(api, since=at)] == [one["type"] for one in told[:4]]
    assert await audit(api, until=at) == told[4:]

    seen, cursor = [], None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/api/audit", params=query)).json()
        seen += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == told
    async with a_config_api(nats_url, database, customer="other") as stranger:
        assert [one["customer"] for one in await audit(stranger)] == ["other"]
    async with connect(nats_url, name="test") as nats:
        assert (await check(database, log=NatsEventLog(nats), service=SERVICE, projection=Audit())).equal


async def test_a_query_that_makes_no_sense_is_refused(api: httpx.AsyncClient) -> None:
    for query in (
        "cursor=nonsense",
        "cursor=Wy0xLDBd",
        "limit=0",
        "since=yesterday",
        "until=2026-01-01T00:00:00",
        "actor=a b",
        "kind=%00",
    ):
        answer = await api.get(f"/api/audit?{query}")
        assert answer.status_code == 400, query
        assert problem(answer)["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"
