"""The REST API of config over a real NATS: what a customer does before a session."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from chassis.nats.connection import connect
from chassis.nats.object_store import NatsObjectStore
from chassis.principal import Principal
from config.bootstrap import migrate, open_entities, open_service
from config.settings import Settings
from contracts.access import SCOPES
from contracts.ids import CustomerId, VersionHash
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET
from contracts.template_version import decode_version

pytestmark = pytest.mark.integration

OVER = {"If-Match": "*"}
"""Over whatever is there."""

TRIAGE = {"name": "Triage", "instructions": "Route.", "handoff_targets": [{"agent": "expert", "policy": "none"}]}
EXPERT = {"name": "Expert", "instructions": "Solve.", "tools": ["end_session"], "panels": ["coding_ide"]}
TEMPLATE = {"name": "Help", "agents": ["triage", "expert"], "initial_agent": "triage", "panels": ["coding_ide"]}


@pytest.fixture
def settings(nats_url: str, database: str) -> Settings:
    return Settings(nats_url=nats_url, postgres_dsn=database, key_pepper="pepper", secret_keys="ab" * 32)


async def a_key(settings: Settings, customer: str, scopes: frozenset[str] = SCOPES) -> str:
    operator = Principal(customer=CustomerId(customer), actor="operator", scopes=frozenset(SCOPES), livemode=False)
    async with open_entities(settings) as entities:
        return (await entities.issue_key(operator, scopes=sorted(scopes), livemode=False))[1]


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    await migrate(settings)
    key = await a_key(settings, "acme")
    async with open_service(settings) as service:
        transport = httpx.ASGITransport(app=service.app)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            await until_known(client)
            yield client


async def until_known(client: httpx.AsyncClient) -> None:
    """The key's event has reached the service's read model of keys."""
    while (await client.get("/api/agents/none")).status_code in (401, 503):
        pass


async def define(api: httpx.AsyncClient) -> None:
    for name, definition in (("triage", TRIAGE), ("expert", EXPERT)):
        assert (await api.put(f"/api/agents/{name}", json=definition)).status_code == 200
    assert (await api.put("/api/templates/help", json=TEMPLATE)).status_code == 200


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    assert body["request_id"]
    return body


async def test_a_published_template_stands_under_its_hash(api: httpx.AsyncClient, settings: Settings) -> None:
    await define(api)
    published = (await api.post("/api/templates/help/publish")).json()
    assert published["number"] == 1
    async with connect(settings.nats_url, name="test") as nats:
        content = await NatsObjectStore(nats, TEMPLATE_VERSIONS_BUCKET).get(published["version"])
    assert decode_version(content, VersionHash(published["version"])).draft.name == "Help"


async def test_publishing_an_unchanged_set_keeps_its_version(api: httpx.AsyncClient) -> None:
    await define(api)
    first = (await api.post("/api/templates/help/publish")).json()
    assert (await api.post("/api/templates/help/publish")).json() == first
    await api.put("/api/agents/expert", json={**EXPERT, "instructions": "Solve it."}, headers=OVER)
    second = (await api.post("/api/templates/help/publish")).json()
    assert (second["number"], second["version"] != first["version"]) == (2, True)


async def test_created_things_get_ids_and_read_back(api: httpx.AsyncClient) -> None:
    created = (await api.post("/api/agents", json=TRIAGE)).json()
    read = (await api.get(f"/api/agents/{created['id']}")).json()
    assert read == created
    assert read["definition"]["name"] == "Triage"


async def test_a_template_with_mistakes_is_not_published(api: httpx.AsyncClient) -> None:
    await define(api)
    await api.put("/api/agents/triage", json={**TRIAGE, "handoff_targets": [{"agent": "nobody"}]}, headers=OVER)
    answer = await api.post("/api/templates/help/publish")
    body = problem(answer)
    assert (answer.status_code, body["code"]) == (400, "invalid_template")
    assert {error["code"] for error in body["errors"]} == {"unknown_handoff_target", "unreachable_agent"}
    assert (await api.get("/api/templates/help")).json()["number"] == 0
    await api.put("/api/templates/help", json={**TEMPLATE, "agents": ["triage", "no agent's > id"]}, headers=OVER)
    named = problem(await api.post("/api/templates/help/publish"))["errors"]
    assert ("/agents/1", "unknown_agent") in [(one["pointer"], one["code"]) for one in named]


@pytest.mark.parametrize("bad", ["a.b", "a*", "a>", "a b", "x" * 65])
async def test_an_id_that_may_not_stand_in_a_subject_is_refused(api: httpx.AsyncClient, bad: str) -> None:
    answer = await api.put(f"/api/agents/{bad}", json=TRIAGE)
    assert (answer.status_code, problem(answer)["errors"][0]["pointer"]) == (400, "/agent_id")


async def test_unknown_and_wrong_fields_are_refused_with_a_pointer(api: httpx.AsyncClient) -> None:
    assert "colour" in problem(await api.post("/api/agents", json={**TRIAGE, "colour": "red"}))["errors"][0]["detail"]
    wrong = problem(await api.post("/api/agents", json={**TRIAGE, "tools": "all"}))
    assert wrong["errors"][0]["pointer"] == "/tools"


async def test_a_revoked_key_opens_nothing_and_a_key_grants_no_more_than_it_has(
    api: httpx.AsyncClient, settings: Settings
) -> None:
    issued = (await api.post("/api/keys", json={"scopes": ["agents:read", "keys:write"]})).json()
    lesser = {"Authorization": f"Bearer {issued['key']}"}
    while (await api.get("/api/agents/none", headers=lesser)).status_code == 401:
        pass
    beyond = await api.post("/api/keys", json={"scopes": ["agents:write"]}, headers=lesser)
    assert (beyond.status_code, problem(beyond)["code"]) == (403, "not_allowed")
    assert (await api.delete(f"/api/keys/{issued['id']}")).status_code == 204
    while (await api.get("/api/agents/none", headers=lesser)).status_code != 401:
        pass
    assert problem(await api.get("/api/agents/none", headers=lesser))["code"] == "not_authenticated"


async def test_another_customers_things_do_not_exist(api: httpx.AsyncClient, settings: Settings) -> None:
    await define(api)
    stranger = {"Authorization": f"Bearer {await a_key(settings, 'other')}"}
    while (await api.get("/api/agents/triage", headers=stranger)).status_code == 401:
        pass
    assert (await api.get("/api/agents/triage", headers=stranger)).status_code == 404
    assert (await api.post("/api/templates/help/publish", headers=stranger)).status_code == 404


@pytest.mark.parametrize("key", ["", "sk_test_x", "sk_test_a_b_00000000", "Basic"])
async def test_a_malformed_key_is_refused(api: httpx.AsyncClient, key: str) -> None:
    answer = await api.get("/api/agents/triage", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
