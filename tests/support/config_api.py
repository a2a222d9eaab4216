"""The REST API of config over a real NATS, behind a client that carries a key."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from chassis.principal import Principal
from config.bootstrap import migrate, open_entities, open_service
from config.settings import Settings
from contracts.access import SCOPES
from contracts.ids import CustomerId

TRIAGE = {"name": "Triage", "instructions": "Route.", "handoff_targets": [{"agent": "expert", "policy": "none"}]}
EXPERT = {"name": "Expert", "instructions": "Solve.", "tools": ["end_session"], "panels": ["coding_ide"]}
TEMPLATE = {"name": "Help", "agents": ["triage", "expert"], "initial_agent": "triage", "panels": ["coding_ide"]}


def config_settings(nats_url: str, database: str, **more: Any) -> Settings:
    return Settings(nats_url=nats_url, postgres_dsn=database, key_pepper="pepper", secret_keys="cd" * 32, **more)


async def a_key(settings: Settings, customer: str) -> str:
    operator = Principal(customer=CustomerId(customer), actor="operator", scopes=frozenset(SCOPES), livemode=False)
    async with open_entities(settings) as entities:
        return (await entities.issue_key(operator, scopes=sorted(SCOPES), livemode=False))[1]


@contextlib.asynccontextmanager
async def a_config_api(
    nats_url: str, database: str, *, customer: str = "acme", **more: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A migrated config service, ready, behind a client of one customer."""
    settings = config_settings(nats_url, database, **more)
    await migrate(settings)
    key = await a_key(settings, customer)
    async with open_service(settings) as service:
        transport = httpx.ASGITransport(app=service.app)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://config", headers=headers) as client:
            while (await client.get("/api/agents/none")).status_code in (401, 503):
                pass
            yield client


async def define(api: httpx.AsyncClient) -> None:
    """Two agents and the template `help`, not published."""
    for name, definition in (("triage", TRIAGE), ("expert", EXPERT)):
        assert (await api.put(f"/api/agents/{name}", json=definition)).status_code == 200
    assert (await api.put("/api/templates/help", json=TEMPLATE)).status_code == 200


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem that the answer is."""
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    return body
