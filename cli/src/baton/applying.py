"""Configuration as code over the REST API: what a folder would change, changing it, and writing what there is.

Only what the folder names is touched; nothing is ever deleted or archived.
"""

import os
from typing import TypeVar

import msgspec

from baton.applying_tools import (
    Environment,
    alias_steps,
    mcp_server_steps,
    pull_aliases,
    pull_mcp_servers,
    pull_tools,
    tool_steps,
)
from baton.config_folder import ConfigFolder
from baton.demo.api import Api
from baton.plan_steps import PATHS, Archived, Kind, Step, take
from config.domain.difference import changes
from contracts.custom_tool import CustomTool
from contracts.ids import AgentId, PanelId, TemplateId
from contracts.mcp_server import VersionMcpServer, parse_reference
from contracts.panels.kind import PanelKindFile
from contracts.template_version import AgentDefinition, TemplateDraft, TemplateVersion

_PAGE = "100"
T = TypeVar("T", AgentDefinition, TemplateDraft, PanelKindFile)

_NAMED: dict[Kind, str] = {"panel_kind": "kind", "mcp_server": "name"}
"""What things are called in a list, where that is not `id`."""


async def plan(api: Api, folder: ConfigFolder, environment: Environment = os.environ) -> list[Step]:
    """What it takes to make Baton as the folder says, in order; empty where it is so.

    Secrets come from `environment`. Raises ApiRefused, Archived, BadFolder.
    """
    steps: list[Step] = []
    for name, tool in folder.tools.items():
        steps += await tool_steps(api, name, tool, environment)
    for name, server in folder.mcp_servers.items():
        steps += await mcp_server_steps(api, name, server, environment)
    for name, file in folder.panel_kinds.items():
        steps += await _written(api, "panel_kind", name, file, said="definition")
    for agent, definition in folder.agents.items():
        steps += await _written(api, "agent", agent, definition, said="definition")
    for template, draft in folder.templates.items():
        steps += await _written(api, "template", template, draft, said="draft")
    for template, draft in folder.templates.items():
        steps += await _published(api, template, draft, folder, changed={(one.kind, one.id) for one in steps})
    for template, aliases in folder.aliases.items():
        steps += await alias_steps(api, template, aliases)
    return steps


async def apply(api: Api, steps: list[Step]) -> None:
    """Take the steps of a plan. Raises ApiRefused: what came before it stays done, and applying again goes on."""
    for step in steps:
        await take(api, step)


async def pull(api: Api) -> ConfigFolder:
    """All that is not archived, as it now reads. Raises ApiRefused."""
    agents, templates, kinds = [await _ids(api, kind) for kind in ("agent", "template", "panel_kind")]
    return ConfigFolder(
        agents={AgentId(id): await _read(api, "agent", id, "definition", AgentDefinition) for id in agents},
        templates={TemplateId(id): await _read(api, "template", id, "draft", TemplateDraft) for id in templates},
        panel_kinds={PanelId(id): await _read(api, "panel_kind", id, "definition", PanelKindFile) for id in kinds},
        tools=await pull_tools(api),
        mcp_servers=await pull_mcp_servers(api, await _ids(api, "mcp_server")),
        aliases=await pull_aliases(api, templates),
    )


async def _written(api: Api, kind: Kind, id: str, wanted: T, *, said: str) -> list[Step]:
    found, etag = await api.entity(f"{PATHS[kind]}/{id}")
    body = msgspec.to_builtins(wanted)
    if found is None:
        return [Step(action="create", kind=kind, id=id, body=body)]
    if found["archived"]:
        raise Archived(kind, id)
    differing = changes(msgspec.to_builtins(msgspec.convert(found[said], type(wanted))), body)
    if not differing:
        return []
    return [Step(action="revise", kind=kind, id=id, changes=differing, body=body, etag=etag)]


async def _published(
    api: Api,
    id: TemplateId,
    draft: TemplateDraft,
    folder: ConfigFolder,
    *,
    changed: set[tuple[Kind, str]],
) -> list[Step]:
    """A publish, where the last version is not the set as it will stand."""
    found, _ = await api.entity(f"/api/templates/{id}")
    number = found["number"] if found else 0
    parts = {
        ("template", id),
        *(("agent", one) for one in draft.agents),
        *(("panel_kind", one) for one in draft.panels),
        *await _tools_named(api, draft, folder),
    }
    stale = number == 0 or not parts.isdisjoint(changed)
    if not stale:
        version = await api.get(f"/api/templates/{id}/versions/{number}")
        content = msgspec.convert(version["content"], TemplateVersion)
        stale = content.draft != draft or not await _as_published(api, content, folder)
    return [Step(action="publish", kind="template", id=id, number=number + 1)] if stale else []


async def _as_published(api: Api, version: TemplateVersion, folder: ConfigFolder) -> bool:
    """Whether every agent, panel kind and tool of the version reads as when it was published."""
    for one in version.agents:
        now = folder.agents.get(one.id) or await _read(api, "agent", one.id, "definition", AgentDefinition)
        if now != one.definition:
            return False
    for panel, kind in version.panel_kinds.items():
        file = folder.panel_kinds.get(panel) or await _read(api, "panel_kind", panel, "definition", PanelKindFile)
        if file != kind.file:
            return False
    for name, tool in (version.tools or {}).items():
        if (folder.tools[name].tool() if name in folder.tools else await _tool(api, name)) != tool:
            return False
    for name, server in (version.mcp_servers or {}).items():
        if not await _server_as_published(api, name, server):
            return False
    return True


async def _server_as_published(api: Api, name: str, server: VersionMcpServer) -> bool:
    now = await api.get(f"/api/mcp-servers/{name}")
    same = (now["definition"]["url"], now["definition"]["timeout_s"]) == (server.url, server.timeout_s)
    return same and all(
        (one := now["tools"].get(tool)) is not None
        and (one["hash"], one["idempotent"]) == (published.hash, published.idempotent)
        for tool, published in server.tools.items()
    )


async def _tools_named(api: Api, draft: TemplateDraft, folder: ConfigFolder) -> set[tuple[Kind, str]]:
    """The custom tools and MCP servers that the agents of a draft name."""
    named: set[tuple[Kind, str]] = set()
    for agent in draft.agents:
        definition = folder.agents.get(agent) or await _known_agent(api, agent)
        for tool in definition.tools if definition else []:
            reference = parse_reference(tool)
            named.add(("mcp_server", reference[0]) if reference else ("tool", tool))
    return named


async def _known_agent(api: Api, agent: AgentId) -> AgentDefinition | None:
    found, _ = await api.entity(f"{PATHS['agent']}/{agent}")
    return msgspec.convert(found["definition"], AgentDefinition) if found else None


async def _tool(api: Api, name: str) -> CustomTool:
    return msgspec.convert((await api.get(f"{PATHS['tool']}/{name}"))["definition"], CustomTool)


async def _ids(api: Api, kind: Kind) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await api.get(PATHS[kind], limit=_PAGE, **cursor)
        found += [one[_NAMED.get(kind, "id")] for one in page["data"] if not one.get("builtin")]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def _read(api: Api, kind: Kind, id: str, said: str, struct: type[T]) -> T:
    return msgspec.convert((await api.get(f"{PATHS[kind]}/{id}"))[said], struct)
