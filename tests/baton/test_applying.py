"""Applying a folder to a real config service: planned, done, and done again without a change."""

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from tests.support.config_api import a_config_api

from baton.applying import apply, plan, pull
from baton.config_folder import ConfigFolder, read_folder, write_folder
from baton.demo.api import Api, ApiRefused
from baton.plan_steps import Archived
from config.http.examples import EXAMPLES
from contracts.ids import AgentId, PanelId, TemplateId
from contracts.panels.kind import PanelKindFile

pytestmark = pytest.mark.integration

DEMO = read_folder(files("baton") / "demo" / "customer")
EXPERT, TEMPLATE = AgentId("coding_expert"), TemplateId("demo")


@pytest.fixture
async def api(nats_url: str, database: str) -> AsyncIterator[Api]:
    async with a_config_api(nats_url, database) as client:
        yield Api(client)


def with_expert(**changes: object) -> ConfigFolder:
    revised = msgspec.structs.replace(DEMO.agents[EXPERT], **changes)
    return ConfigFolder(agents={**DEMO.agents, EXPERT: revised}, templates=DEMO.templates)


async def steps(api: Api, folder: ConfigFolder) -> list[tuple[str, str]]:
    return [(step.action, step.id) for step in await plan(api, folder)]


async def test_a_folder_is_applied_once_and_then_there_is_nothing_to_do(api: Api) -> None:
    planned = await plan(api, DEMO)
    assert [(step.action, step.id) for step in planned] == [
        ("create", "coding_expert"),
        ("create", "triage"),
        ("create", "demo"),
        ("publish", "demo"),
    ]
    await apply(api, planned)
    assert (await api.get("/api/templates/demo"))["number"] == 1
    assert await plan(api, DEMO) == []


async def test_a_change_is_planned_with_its_pointer_and_publishes_the_templates_that_use_it(api: Api) -> None:
    await apply(api, await plan(api, DEMO))
    changed = with_expert(greeting="Hi.")
    planned = await plan(api, changed)
    assert [(step.action, step.id) for step in planned] == [("revise", "coding_expert"), ("publish", "demo")]
    assert [(one.pointer, one.after) for one in planned[0].changes] == [("/greeting", "Hi.")]
    await apply(api, planned)
    assert (await api.get("/api/templates/demo"))["number"] == 2
    assert await plan(api, changed) == []


async def test_what_was_changed_and_not_published_elsewhere_is_published(api: Api) -> None:
    await apply(api, await plan(api, DEMO))
    changed = with_expert(greeting="Hi.")
    await api.put("/api/agents/coding_expert", msgspec.to_builtins(changed.agents[EXPERT]), etag="*")
    assert await steps(api, changed) == [("publish", "demo")]


async def test_what_is_pulled_is_what_was_applied(api: Api, tmp_path: Path) -> None:
    await apply(api, await plan(api, DEMO))
    while len((pulled := await pull(api)).agents) < 2 or not pulled.templates:
        pass
    write_folder(tmp_path, pulled)
    assert read_folder(tmp_path) == DEMO
    assert await plan(api, read_folder(tmp_path)) == []


async def test_a_panel_kind_comes_before_the_template_that_has_it_and_a_change_publishes_it(api: Api) -> None:
    poll, name = msgspec.convert(EXAMPLES["write_panel_kind"]["request"], PanelKindFile), PanelId("poll")
    with_poll = msgspec.structs.replace(
        with_expert(panels=[PanelId("coding_ide"), name]),
        templates={TEMPLATE: msgspec.structs.replace(DEMO.templates[TEMPLATE], panels=[PanelId("coding_ide"), name])},
        panel_kinds={name: poll},
    )
    assert (await steps(api, with_poll))[0] == ("create", "poll")
    await apply(api, await plan(api, with_poll))
    assert await plan(api, with_poll) == []
    renamed = msgspec.structs.replace(poll, title="Straw poll")
    changed = msgspec.structs.replace(with_poll, panel_kinds={name: renamed})
    assert await steps(api, changed) == [("revise", "poll"), ("publish", "demo")]
    await apply(api, await plan(api, changed))
    assert await plan(api, changed) == []
    assert await plan(api, ConfigFolder(agents=changed.agents, templates=changed.templates)) == []
    while not (pulled := await pull(api)).panel_kinds:
        pass
    assert pulled.panel_kinds == {name: renamed}


async def test_a_refusal_tells_the_pointer_and_applying_again_goes_on(api: Api) -> None:
    wrong = with_expert(tools=["fly"])
    with pytest.raises(ApiRefused, match="/agents/coding_expert/tools/0"):
        await apply(api, await plan(api, wrong))
    assert await steps(api, DEMO) == [("revise", "coding_expert"), ("publish", "demo")]
    await apply(api, await plan(api, DEMO))
    assert await plan(api, DEMO) == []


async def test_what_is_archived_is_not_applied(api: Api) -> None:
    await apply(api, await plan(api, DEMO))
    await api.post("/api/agents/coding_expert/archive", {})
    with pytest.raises(Archived, match="coding_expert"):
        await plan(api, DEMO)
