"""Versions and aliases over a real NATS: published, listed, compared, restored, led to by name, archived."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.config_api import a_config_api, define, problem

from contracts.model_catalogue import builtin_models

pytestmark = pytest.mark.integration

OVER = {"If-Match": "*"}
"""Over whatever is there."""


@pytest.fixture
async def api(nats_url: str, database: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_config_api(nats_url, database) as client:
        await define(client)
        yield client


async def publish_twice(api: httpx.AsyncClient) -> None:
    assert (await api.post("/api/templates/help/publish")).json()["number"] == 1
    draft = (await api.get("/api/templates/help")).json()["draft"]
    await api.put(
        "/api/templates/help",
        json={**draft, "name": "Better help", "modality_profile": "tutoring_screen"},
        headers=OVER,
    )
    assert (await api.post("/api/templates/help/publish")).json()["number"] == 2


async def test_versions_are_listed_read_and_compared(api: httpx.AsyncClient) -> None:
    await publish_twice(api)
    listed = (await api.get("/api/templates/help/versions")).json()["data"]
    assert [(one["number"], one["restored_from"]) for one in listed] == [(2, 0), (1, 0)]
    assert all(one["published_by"].startswith("key_") and one["published_at"] for one in listed)
    first = (await api.get("/api/templates/help/versions/1")).json()
    assert (first["version"], first["content"]["draft"]["name"]) == (listed[1]["version"], "Help")
    changed = (await api.get("/api/templates/help/diff", params={"before": 1, "after": 2})).json()["data"]
    assert [(one["pointer"], one["after"]) for one in changed] == [
        ("/draft/modality_profile", "tutoring_screen"),
        ("/draft/name", "Better help"),
    ]
    for path in ("versions/3", "versions/0", "diff?before=1&after=9"):
        answer = await api.get(f"/api/templates/help/{path}")
        assert (answer.status_code, problem(answer)["code"]) == (404, "unknown_version")


async def test_a_restored_version_is_a_new_number_of_the_same_hash(api: httpx.AsyncClient) -> None:
    await publish_twice(api)
    restored = (await api.post("/api/templates/help/restore", json={"number": 1})).json()
    listed = (await api.get("/api/templates/help/versions")).json()["data"]
    assert (restored["number"], restored["draft"]["name"]) == (3, "Help")
    assert (listed[0]["version"], listed[0]["restored_from"]) == (listed[2]["version"], 1)


async def test_an_alias_is_moved_listed_and_removed(api: httpx.AsyncClient) -> None:
    await publish_twice(api)
    canary = {"targets": [{"number": 1, "weight": 90}, {"number": 2, "weight": 10}]}
    moved = await api.put("/api/templates/help/aliases/prod", json=canary)
    assert [target["weight"] for target in moved.json()["targets"]] == [90, 10]
    back = (await api.put("/api/templates/help/aliases/prod", json={"targets": [{"number": 1}]})).json()
    (listed,) = (await api.get("/api/templates/help/aliases")).json()["data"]
    assert (listed["alias"], listed["targets"]) == ("prod", back["targets"])
    wrong = await api.put("/api/templates/help/aliases/prod", json={"targets": [{"number": 7}]})
    assert (wrong.status_code, problem(wrong)["errors"][0]["pointer"]) == (400, "/targets/0/number")
    assert (await api.put("/api/templates/help/aliases/Prod", json=canary)).status_code == 400
    assert (await api.delete("/api/templates/help/aliases/prod")).status_code == 204
    assert (await api.delete("/api/templates/help/aliases/prod")).status_code == 404


async def test_what_is_archived_is_not_changed_any_more(api: httpx.AsyncClient) -> None:
    await publish_twice(api)
    assert (await api.post("/api/templates/help/archive")).json()["archived"] is True
    assert (await api.post("/api/templates/help/archive")).status_code == 200
    for change in (
        api.post("/api/templates/help/publish"),
        api.post("/api/templates/help/restore", json={"number": 1}),
    ):
        assert problem(await change)["code"] == "template_archived"
    assert (await api.post("/api/agents/expert/archive")).json()["archived"] is True


async def test_the_catalogue_is_served_and_a_deprecated_model_publishes_with_a_warning(api: httpx.AsyncClient) -> None:
    served = (await api.get("/api/models")).json()["data"]
    assert [model["model"] for model in served] == [model.model for model in builtin_models().models]
    definition = (await api.get("/api/agents/expert")).json()["definition"]
    await api.put("/api/agents/expert", json={**definition, "voice": {"model": "sonic-2"}}, headers=OVER)
    (warning,) = (await api.post("/api/templates/help/publish")).json()["warnings"]
    assert (warning["pointer"], warning["code"]) == ("/agents/expert/voice/model", "deprecated_model")
