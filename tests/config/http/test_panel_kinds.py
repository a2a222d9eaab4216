"""/api/panel-kinds over HTTP: from a mistake to a version that a template has, and out of use."""

from typing import Any

import pytest
from tests.support.config_api import EXPERT, TEMPLATE, a_config_api, define, problem

from config.http.examples import EXAMPLES
from contracts.panels.registry import builtin

pytestmark = pytest.mark.integration

POLL: dict[str, Any] = EXAMPLES["write_panel_kind"]["request"]
AT = "/api/panel-kinds/poll"


async def test_a_panel_kind_from_its_first_mistakes_to_the_archive(nats_url: str, database: str) -> None:
    async with a_config_api(nats_url, database) as api:
        wrong = await api.put(
            AT, json={**POLL, "url": "http://x.example.com/", "tools": [{**POLL["tools"][0], "name": "end_session"}]}
        )
        assert (wrong.status_code, problem(wrong)["code"]) == (400, "invalid_panel_kind")
        assert [error["pointer"] for error in problem(wrong)["errors"]] == ["/url", "/tools/0/name"]
        shapeless = await api.put(AT, json={**POLL, "commands": {"close_poll": {"effect": {}}}})
        assert shapeless.status_code == 400
        deep = b'{"state_schema":' + b'{"not":' * 50_000 + b"{}" + b"}" * 50_001
        assert problem(await api.put(AT, content=deep, headers={"Content-Type": "application/json"}))["status"] == 400
        assert (await api.get(AT)).status_code == 404
        assert (await api.put("/api/panel-kinds/notepad", json=POLL)).status_code == 400

        created = await api.put(AT, json=POLL)
        assert created.status_code == 200
        assert created.json()["tools"] == ["open_poll", "read_votes", "control_poll"]
        assert (created.json()["version"], created.json()["builtin"]) == (1, False)
        assert (await api.put(AT, json=POLL)).headers["etag"] == created.headers["etag"]
        assert (await api.put(AT, json={**POLL, "title": "Straw poll"})).status_code == 428
        tag = {"If-Match": created.headers["etag"]}
        revised = await api.put(AT, json={**POLL, "title": "Straw poll"}, headers=tag)
        assert (revised.status_code, revised.json()["version"]) == (200, 2)
        assert (await api.put(AT, json=POLL, headers=tag)).status_code == 412

        since = {"min_position": revised.json()["position"]}
        listed = (await api.get("/api/panel-kinds", params=since)).json()["data"]
        assert [one["kind"] for one in listed] == sorted([*builtin(), "poll"])
        assert [(one["title"], one["version"]) for one in listed if not one["builtin"]] == [("Straw poll", 2)]
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await api.get("/api/panel-kinds", params={"limit": "2", **cursor})).json()
            found += [one["kind"] for one in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert found == [one["kind"] for one in listed]
        notepad = (await api.get("/api/panel-kinds/notepad")).json()
        assert (notepad["builtin"], notepad["definition"]["title"]) == (True, "Notepad")

        await define(api)
        expert = await api.get("/api/agents/expert")
        with_poll = {**EXPERT, "panels": ["coding_ide", "poll"]}
        await api.put("/api/agents/expert", json=with_poll, headers={"If-Match": expert.headers["etag"]})
        template = await api.get("/api/templates/help")
        draft = {**TEMPLATE, "panels": ["coding_ide", "poll"]}
        await api.put("/api/templates/help", json=draft, headers={"If-Match": template.headers["etag"]})
        assert (await api.post("/api/templates/help/publish")).status_code == 200
        kinds = (await api.get("/api/templates/help/versions/1")).json()["content"]["panel_kinds"]
        assert (kinds["poll"]["version"], kinds["poll"]["url"]) == (2, POLL["url"])
        assert "url" not in kinds["coding_ide"]

        archived = await api.post(f"{AT}/archive")
        assert archived.json()["archived"]
        since = {"min_position": archived.json()["position"]}
        listed = (await api.get("/api/panel-kinds", params=since)).json()["data"]
        assert "poll" not in [one["kind"] for one in listed]
        assert "poll" in [one["kind"] for one in (await api.get("/api/panel-kinds?archived=true")).json()["data"]]
        again = {"If-Match": archived.headers["etag"]}
        assert problem(await api.put(AT, json=POLL, headers=again))["code"] == "panel_kind_archived"
        refused = problem(await api.post("/api/templates/help/publish"))
        assert ("/panels/1", "unknown_panel") in [(one["pointer"], one["code"]) for one in refused["errors"]]
        assert (await api.post("/api/panel-kinds/nothing/archive")).status_code == 404
