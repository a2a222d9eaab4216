"""What all of config's writes have in common: ETag and If-Match, Idempotency-Key, and what is left of a quota."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.config_api import a_config_api

pytestmark = pytest.mark.integration

AGENT = {"name": "Host", "instructions": "Greet."}
TEMPLATE = {"name": "Help", "agents": ["host"], "initial_agent": "host"}


@pytest.fixture
async def api(nats_url: str, database: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_config_api(nats_url, database) as client:
        yield client


@pytest.mark.parametrize(("path", "body"), [("/api/agents/host", AGENT), ("/api/templates/help", TEMPLATE)])
async def test_who_revises_says_what_was_read(api: httpx.AsyncClient, path: str, body: dict[str, object]) -> None:
    created = await api.put(path, json=body)
    tag = created.headers["etag"]
    assert (await api.get(path)).headers["etag"] == tag
    better = {**body, "name": "Better"}

    silent = await api.put(path, json=better)
    assert (silent.status_code, silent.json()["code"]) == (428, "precondition_required")
    assert (await api.put(path, json=body)).headers["etag"] == tag, "the same content changes nothing"
    revised = await api.put(path, json=better, headers={"If-Match": tag})
    assert (revised.status_code, revised.headers["etag"] == tag) == (200, False)
    late = await api.put(path, json={**body, "name": "Late"}, headers={"If-Match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "stale")
    assert (await api.put(path, json=better, headers={"If-Match": tag})).status_code == 200, "it is there already"
    assert (await api.put(path, json=body, headers={"If-Match": "*"})).status_code == 200
    weak = await api.put(path, json=better, headers={"If-Match": f"W/{tag}"})
    assert (weak.status_code, weak.json()["code"]) == (400, "invalid_if_match")


async def test_of_many_who_read_the_same_one_revises(api: httpx.AsyncClient) -> None:
    tag = (await api.put("/api/agents/host", json=AGENT)).headers["etag"]
    bodies = [{**AGENT, "name": f"Name {number}"} for number in range(10)]
    answers = await asyncio.gather(
        *(api.put("/api/agents/host", json=body, headers={"If-Match": tag}) for body in bodies)
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9


async def test_a_thing_that_is_not_there_is_not_revised(api: httpx.AsyncClient) -> None:
    for tag in ("*", '"1"'):
        refused = await api.put("/api/agents/none", json=AGENT, headers={"If-Match": tag})
        assert refused.status_code == 412
    assert (await api.get("/api/agents/none")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/agents", AGENT), ("/api/templates", TEMPLATE), ("/api/keys", {"scopes": ["agents:read"]})],
)
async def test_created_twice_with_one_key_there_is_one(
    api: httpx.AsyncClient, path: str, body: dict[str, object]
) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = [await api.post(path, json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers.get("etag") == first.headers.get("etag")
    assert again.headers["idempotent-replayed"] == "true"
    assert (await api.post(path, json=body)).json()["id"] != first.json()["id"]


async def test_every_answer_tells_what_is_left_of_the_quota(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/agents/none")
    assert answer.headers["ratelimit-policy"].startswith('"customer";q=')
    assert '"key";r=' in answer.headers["ratelimit"]
