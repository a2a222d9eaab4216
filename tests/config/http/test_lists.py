"""Lists of agents and templates: in pages, never older than the asker wants, and equal to their rebuild."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.config_api import EXPERT, a_config_api, define, problem

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.postgres.rebuild import check
from config.read_models.entity_index import SERVICE, EntityIndex

pytestmark = pytest.mark.integration


@pytest.fixture
async def api(nats_url: str, database: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_config_api(nats_url, database) as client:
        yield client


async def test_agents_are_listed_in_pages_by_their_ids(api: httpx.AsyncClient) -> None:
    ids = ["Zed", "alpha", "beta", "gamma-2", "gamma_1"]
    for id in ids:
        position = (await api.put(f"/api/agents/{id}", json=EXPERT)).json()["position"]
    seen, cursor = [], None
    while True:
        query = {"limit": "2", "min_position": position} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/api/agents", params=query)).json()
        assert len(page["data"]) <= 2
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids


async def test_a_template_tells_its_last_version_and_what_is_archived_is_left_out(api: httpx.AsyncClient) -> None:
    await define(api)
    published = (await api.post("/api/templates/help/publish")).json()
    (listed,) = (await api.get("/api/templates", params={"min_position": published["position"]})).json()["data"]
    assert (listed["id"], listed["number"], listed["version"]) == ("help", 1, published["version"])
    position = (await api.post("/api/templates/help/archive")).json()["position"]
    assert (await api.get("/api/templates", params={"min_position": position})).json()["data"] == []
    (archived,) = (await api.get("/api/templates", params={"archived": "true"})).json()["data"]
    assert archived["archived"] is True


async def test_another_customers_things_are_not_listed(api: httpx.AsyncClient, nats_url: str, database: str) -> None:
    await define(api)
    async with a_config_api(nats_url, database, customer="other") as stranger:
        position = (await stranger.put("/api/agents/own", json=EXPERT)).json()["position"]
        listed = (await stranger.get("/api/agents", params={"min_position": position})).json()["data"]
    assert [one["id"] for one in listed] == ["own"]


@pytest.mark.parametrize("query", ["cursor=nonsense", "limit=0", "limit=101", "min_position=x"])
async def test_a_query_that_makes_no_sense_is_refused(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/api/agents?{query}")
    assert answer.status_code == 400
    assert problem(answer)["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


async def test_the_index_equals_its_rebuild(api: httpx.AsyncClient, nats_url: str, database: str) -> None:
    await define(api)
    published = (await api.post("/api/templates/help/publish")).json()
    await api.get("/api/templates", params={"min_position": published["position"]})
    async with connect(nats_url, name="test") as nats:
        report = await check(database, log=NatsEventLog(nats), service=SERVICE, projection=EntityIndex())
    assert report.equal
