"""A folder with custom tools, MCP servers and aliases, applied to a real config service and pulled again."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.config_api import a_config_api
from tests.support.mcp_server import a_real_mcp_server
from tests.support.until import until

from baton.applying import apply, plan, pull
from baton.commands.configuration import described
from baton.config_folder import BadFolder, ConfigFolder, McpServerFile, Share, ToolFile, read_folder, write_folder
from baton.demo.api import Api, ApiRefused
from baton.plan_steps import Archived, Step
from contracts.ids import AgentId, TemplateId
from contracts.template_version import AgentDefinition, TemplateDraft

pytestmark = pytest.mark.integration

SECRETS = {"LOOK_UP_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "SHOP_TOKEN": "Bearer canary"}
HELPER, HELP = AgentId("helper"), TemplateId("help")
TOOL = ToolFile(
    description="Looks up.",
    parameters={"type": "object", "additionalProperties": False},
    url="https://tools.example.com/",
    secret_from="LOOK_UP_SECRET",
)


def a_folder(url: str, approved: dict[str, str], **changes: Any) -> ConfigFolder:
    fields: dict[str, Any] = {
        "agents": {HELPER: AgentDefinition(name="H", instructions="Help.", tools=["look_up", "shop.look_up"])},
        "templates": {HELP: TemplateDraft(name="Help", agents=[HELPER], initial_agent=HELPER)},
        "tools": {"look_up": TOOL},
        "mcp_servers": {
            "shop": McpServerFile(url=url, headers_from={"Authorization": "SHOP_TOKEN"}, approved=approved)
        },
        "aliases": {HELP: {"prod": 1}},
        **changes,
    }
    return ConfigFolder(**fields)


@pytest.fixture
async def api(nats_url: str, database: str) -> AsyncIterator[Api]:
    async with a_config_api(nats_url, database, development_reach_loopback=True) as client:
        yield Api(client)


def told(steps: list[Step]) -> list[tuple[str, str, str]]:
    return [(step.action, step.kind, step.id) for step in steps]


async def seen_hash(api: Api, url: str) -> str:
    """The hash that a person would copy from what is discovered."""
    await api.put("/api/mcp-servers/look", {"url": url})
    listed = (await api.post("/api/mcp-servers/look/discover", {}))["tools"]
    await api.post("/api/mcp-servers/look/archive", {})
    return next(str(one["hash"]) for one in listed if one["name"] == "look_up")


async def test_tools_servers_and_aliases_are_applied_once_and_pulled_as_they_were(api: Api, tmp_path: Path) -> None:
    async with a_real_mcp_server() as real:
        hash = await seen_hash(api, real.url)
        folder = a_folder(real.url, {"look_up": hash})
        planned = await plan(api, folder, SECRETS)
        assert told(planned) == [
            ("create", "tool", "look_up"),
            ("create", "mcp_server", "shop"),
            ("approve", "mcp_server", "shop"),
            ("create", "agent", "helper"),
            ("create", "template", "help"),
            ("publish", "template", "help"),
            ("move", "alias", "help@prod"),
        ]
        shown = "\n".join(line for step in planned for line in described(step))
        assert not any(secret in shown for secret in SECRETS.values())
        await apply(api, planned)
        assert await plan(api, folder, {}) == [], "and no secret is needed to see that"
        assert real.headers[-1]["authorization"] == "Bearer canary"

        async def listed() -> bool:
            return list((await pull(api)).mcp_servers) == ["shop"]

        await until(listed)
        written = write_folder(tmp_path, await pull(api))
        assert len(written) == 5
        assert not any("canary" in path.read_text() or "whsec_" in path.read_text() for path in written)
        assert await plan(api, read_folder(tmp_path), {}) == []
        (tmp_path / "tools" / "look_up.yaml").write_text(
            (tmp_path / "tools" / "look_up.yaml").read_text().replace("LOOK_UP_SECRET", "MY_OWN_NAME")
        )
        assert write_folder(tmp_path, await pull(api)) == [], "the name of a variable is its author's"

        real.replace("look_up", lambda order: order, description="Another tool by now.")
        stale = a_folder(real.url, {"look_up": "ab" * 32})
        with pytest.raises(ApiRefused, match="mcp_tools_changed"):
            await apply(api, await plan(api, stale, {}))
        assert await plan(api, folder, {}) == []


async def test_a_changed_tool_publishes_who_names_it_and_canaries_lead_where_they_say(api: Api) -> None:
    folder = a_folder(
        "https://mcp.example.com/",
        {},
        agents={HELPER: AgentDefinition(name="H", instructions="Help.", tools=["look_up"])},
        mcp_servers={},
    )
    await apply(api, await plan(api, folder, SECRETS))
    slower = msgspec.structs.replace(
        folder,
        tools={"look_up": msgspec.structs.replace(TOOL, timeout_s=5)},
        aliases={HELP: {"prod": [Share(number=1, weight=90), Share(number=2, weight=10)]}},
    )
    planned = await plan(api, slower, {})
    assert told(planned) == [
        ("revise", "tool", "look_up"),
        ("publish", "template", "help"),
        ("move", "alias", "help@prod"),
    ]
    await apply(api, planned)
    assert await plan(api, slower, {}) == []
    targets = (await api.get("/api/templates/help/aliases"))["data"][0]["targets"]
    assert [(one["number"], one["weight"]) for one in targets] == [(1, 90), (2, 10)]


async def test_a_new_thing_without_its_secret_and_an_archived_one_are_told_by_name(api: Api) -> None:
    folder = a_folder("https://mcp.example.com/", {})
    with pytest.raises(BadFolder, match=r"tools/look_up\.yaml: the environment variable LOOK_UP_SECRET"):
        await plan(api, folder, {})
    with pytest.raises(BadFolder, match=r"mcp-servers/shop\.yaml: the environment variable SHOP_TOKEN"):
        await plan(api, folder, {"LOOK_UP_SECRET": SECRETS["LOOK_UP_SECRET"]})
    await api.put("/api/mcp-servers/shop", {"url": "https://mcp.example.com/"})
    await api.post("/api/mcp-servers/shop/archive", {})
    with pytest.raises(Archived, match="mcp server shop"):
        await plan(api, folder, SECRETS)
