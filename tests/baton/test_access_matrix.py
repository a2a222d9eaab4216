"""Every operation of the served document against every kind of stranger: nobody gets in, and nothing breaks."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from tests.support.gateways import ACME, OTHER, START
from tests.support.until import until
from tests.support.whole_api import WholeApi, a_whole_api

from baton import edge, openapi
from chassis.clock import SystemClock
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.service import serving
from config.domain.customer import Suspend
from config.handlers.customers import Customers
from config.http.examples import EXAMPLES
from contracts.access import ROLES, SCOPES, Role, scopes_of
from contracts.ids import CustomerId

pytestmark = pytest.mark.integration

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
PUBLIC = {
    *("issue_token", "get_public_key", "livekit_webhook", "report_log"),
    *("register_customer", "log_in", "refresh_login", "accept_invitation"),
    *("start_oidc", "finish_oidc", "return_from_oidc"),
}
OWN_NAMESPACE = {
    "write_agent",
    "write_template",
    "write_panel_kind",
    "write_mcp_server",
    "save_provider_credential",
}
"""They write under an id of the caller's choice, and ids are each customer's own: a stranger writes its own thing."""


class Operation(NamedTuple):
    """`scope` is empty for what is any member's, and no key's."""

    method: str
    path: str
    id: str
    scope: str
    body: Any
    query: dict[str, Any]


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """All that need a credential, each with the body of its example."""
    for path, item in document["paths"].items():
        for method, told in item.items():
            content = told.get("requestBody", {}).get("content", {}).get("application/json", {})
            body = content.get("examples", {}).get("usual", {}).get("value")
            asked = [one for one in told.get("parameters", []) if one["in"] == "query" and one["required"]]
            query = {one["name"]: 1 if one["schema"].get("type") == "integer" else "x" for one in asked}
            if told["security"]:
                scope = told["security"][0].get("api_key", [""])[0]
                yield Operation(method.upper(), path, told["operationId"], scope, body, query)
            else:
                assert told["operationId"] in PUBLIC


class Things(NamedTuple):
    """One of everything that acme has, by the name that paths have for it."""

    ids: dict[str, str]

    def url(self, path: str) -> str:
        return re.sub(r"{(\w+)}", lambda found: self.ids[found[1]], path)


async def things_of_acme(api: WholeApi) -> Things:
    key = api.keys[ACME]
    session = (await api.call("POST", "/api/session/start", key=key, json=START)).json()["session_id"]
    issued = (await api.call("POST", "/api/keys", key=key, json={"scopes": ["agents:read"]})).json()
    agent = await api.call("POST", "/api/agents", key=key, json={"name": "Ours", "instructions": "Stay."})
    draft = {"name": "Ours", "agents": ["triage"], "initial_agent": "triage"}
    template = await api.call("POST", "/api/templates", key=key, json=draft)
    tool = {
        "name": "ours",
        "description": "Ours.",
        "parameters": {"type": "object"},
        "url": "https://tools.example.com/",
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }
    assert (await api.call("POST", "/api/tools", key=key, json=tool)).status_code == 201
    kind = EXAMPLES["write_panel_kind"]["request"]
    assert (await api.call("PUT", "/api/panel-kinds/ours", key=key, json=kind)).status_code == 200
    server = EXAMPLES["write_mcp_server"]["request"]
    assert (await api.call("PUT", "/api/mcp-servers/ours", key=key, json=server)).status_code == 200
    own = EXAMPLES["save_provider_credential"]["request"]
    assert (await api.call("PUT", "/api/provider-credentials/openai", key=key, json=own)).status_code == 200
    hook = await api.call("POST", "/api/webhooks", key=key, json={"url": "https://hooks.example.com/"})
    prices = {"currency": "USD", "entries": []}
    assert (await api.call("PUT", "/api/price-books/draft", key=key, json=prices)).status_code == 200
    book = await api.call("POST", "/api/price-books/draft/publish", key=key, json={})
    upload = {"params": {"name": "ours"}, "headers": {"content-type": "text/plain"}, "content": b"Ours."}
    document = await api.call("POST", "/api/knowledge/documents", key=key, **upload)
    member = await api.join("analyst")
    await api.until_known(member.access)
    offer = await api.call("POST", "/api/invitations", key=key, json={"email": "guest@example.com", "role": "analyst"})
    logins = await api.call("GET", "/api/auth/sessions", key=member.access)
    ids = {
        "member_id": member.member,
        "invitation_id": offer.json()["id"],
        "login_id": logins.json()["data"][0]["id"],
        "document_id": document.json()["id"],
        "price_book": book.json()["version"],
        "webhook_id": hook.json()["id"],
        "event_id": "none",
        "tool_name": "ours",
        "panel_kind": "ours",
        "server_name": "ours",
        "provider": "openai",
        "agent_id": agent.json()["id"],
        "template_id": template.json()["id"],
        "key_id": issued["id"],
        "id": session,
        "session_id": session,
        "panel": "coding_ide",
        "alias": "prod",
        "number": "1",
    }
    for path in (f"/api/sessions/{session}", f"/api/sessions/{session}/cost", f"/api/sessions/{session}/panels"):

        async def seen(path: str = path) -> bool:
            return (await api.call("GET", path, key=key)).status_code == 200

        await until(seen, what=f"{path} is read")
    return Things(ids)


async def a_key_without(api: WholeApi, scope: str) -> str:
    issued = await api.call("POST", "/api/keys", key=api.keys[ACME], json={"scopes": sorted(SCOPES - {scope})})
    key: str = issued.json()["key"]
    return key


async def a_revoked_key(api: WholeApi) -> str:
    issued = (await api.call("POST", "/api/keys", key=api.keys[ACME], json={"scopes": sorted(SCOPES)})).json()
    await api.until_known(issued["key"])
    assert (await api.call("DELETE", f"/api/keys/{issued['id']}", key=api.keys[ACME])).status_code == 204
    await api.until_known(issued["key"], known=False)
    revoked: str = issued["key"]
    return revoked


async def members(api: WholeApi) -> dict[Role, str]:
    """An access token of a member in every role but the owner's, who may do everything."""
    found = {role: (await api.join(role, email=f"{role}.in.matrix@example.com")).access for role in ROLES[1:]}
    for token in found.values():
        await api.until_known(token)
    return found


async def suspend(nats_url: str, customer: CustomerId) -> None:
    async with connect(nats_url, name="test") as nats:
        customers = Customers(log=NatsEventLog(nats), clock=SystemClock(), source="test")
        await customers.write("op_grace", customer, Suspend("unpaid"))


async def test_no_stranger_gets_in_by_any_operation(nats_url: str, database: str) -> None:
    async with a_whole_api(nats_url, database) as api:
        document = (await api.origin.get(openapi.PATH)).json()
        found = list(operations(document))
        assert len(found) >= 20
        things = await things_of_acme(api)
        revoked = await a_revoked_key(api)
        stranger = await api.join("admin", customer=OTHER)
        await api.until_known(stranger.access)
        of_role = await members(api)
        lacking = {scope: await a_key_without(api, scope) for scope in sorted({one.scope for one in found})}
        for key in lacking.values():
            await api.until_known(key)
        wrong: list[str] = []
        tried: set[Role] = set()
        for one in found:
            url = things.url(one.path)

            async def status(key: str | None, one: Operation = one, url: str = url) -> int:
                answer = await api.call(one.method, url, key=key, json=one.body, params=one.query)
                problem = answer.headers["content-type"] == "application/problem+json"
                return answer.status_code if problem else -answer.status_code

            roles = [role for role in of_role if one.scope and one.scope not in scopes_of(role)]
            tried |= {*roles}
            for who, key, right in (
                ("nobody", None, 401),
                ("a revoked key", revoked, 401),
                ("a malformed key", "sk_test_x", 401),
                ("a forged token", stranger.access[:-8] + "AAAAAAAA", 401),
                ("a key without the scope", lacking[one.scope], 403),
                *((f"a member in the role {role}", of_role[role], 403) for role in roles),
            ):
                if (got := await status(key)) != right:
                    wrong.append(f"{one.id} by {who}: {got}")
            if "{" in one.path and one.id not in OWN_NAMESPACE:
                for who, key in (("key", api.keys[OTHER]), ("member", stranger.access)):
                    expected = 403 if who == "key" and not one.scope else 404
                    if (got := await status(key)) != expected:
                        wrong.append(f"{one.id} by another customer's {who}: {got}")
        assert wrong == []
        assert tried == {"developer", "analyst", "billing"}
        started = await api.call("POST", "/api/session/start", key=of_role["developer"], json=START)
        assert started.status_code == 201, started.text
        await suspend(nats_url, OTHER)
        for one in found:
            for credential in (api.keys[OTHER], stranger.access):

                async def refused(one: Operation = one, credential: str = credential) -> bool:
                    url = things.url(one.path)
                    answer = await api.call(one.method, url, key=credential, json=one.body, params=one.query)
                    return (answer.status_code, answer.json().get("code")) == (403, "customer_suspended")

                await until(refused, what=f"{one.id} is refused to a suspended customer")


async def test_a_stranger_who_writes_under_our_id_writes_a_thing_of_its_own(nats_url: str, database: str) -> None:
    async with a_whole_api(nats_url, database) as api:
        kind = {**EXAMPLES["write_panel_kind"]["request"], "title": "Ours"}
        assert (await api.call("PUT", "/api/panel-kinds/ours", key=api.keys[ACME], json=kind)).status_code == 200
        own = "/api/provider-credentials/openai"
        assert (await api.call("PUT", own, key=api.keys[ACME], json={"key": "sk-of-acme-1111"})).status_code == 200
        before = {
            path: (await api.call("GET", path, key=api.keys[ACME])).json()
            for path in ("/api/agents/triage", f"/api/templates/{START['template_id']}", "/api/panel-kinds/ours", own)
        }
        document = json.loads(openapi.whole())
        ids = {"agent_id": "triage", "template_id": START["template_id"], "panel_kind": "ours", "server_name": "ours"}
        ids["provider"] = "openai"
        things = Things(ids)
        for one in operations(document):
            if one.id in OWN_NAMESPACE:
                await api.call(one.method, things.url(one.path), key=api.keys[OTHER], json=one.body)
        for path, seen in before.items():
            assert (await api.call("GET", path, key=api.keys[ACME])).json() == seen


async def test_the_served_document_is_the_committed_one_in_both_topologies(nats_url: str, database: str) -> None:
    async with a_whole_api(nats_url, database) as api:
        together = await api.origin.get(openapi.PATH)
        assert together.headers["content-type"] == "application/json"
        assert together.content == COMMITTED.read_bytes()
        refused = await api.origin.post(openapi.PATH)
        assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
        async with contextlib.AsyncExitStack() as stack:
            urls = {
                name: f"http://127.0.0.1:{await stack.enter_async_context(serving(service.app))}"
                for name, service in api.services.items()
            }
            onward = await stack.enter_async_context(httpx.AsyncClient())
            transport = httpx.ASGITransport(edge.apart(urls, onward))
            apart = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
            assert (await apart.get(openapi.PATH)).content == together.content
            urls["ledger"] = "http://127.0.0.1:1"
            assert (await apart.get(openapi.PATH)).content == together.content, "once made, it is kept"
