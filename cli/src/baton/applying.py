"""Configuration as code over the REST API: what a folder would change, changing it, and writing what there is.

Only what the folder names is touched; nothing is ever deleted or archived.
"""

from typing import Any, Literal, TypeVar

import msgspec

from baton.config_folder import ConfigFolder
from baton.demo.api import Api
from config.domain.difference import Change, changes
from contracts.ids import AgentId, PanelId, TemplateId
from contracts.panels.kind import PanelKindFile
from contracts.template_version import AgentDefinition, TemplateDraft, TemplateVersion

_PAGE = "100"
Kind = Literal["panel_kind", "agent", "template"]
T = TypeVar("T", AgentDefinition, TemplateDraft, PanelKindFile)

_PATHS: dict[Kind, str] = {
    "panel_kind": "/api/panel-kinds",
    "agent": "/api/agents",
    "template": "/api/templates",
}
_NAMED: dict[Kind, str] = {"panel_kind": "kind", "agent": "id", "template": "id"}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do. `changes` says what a revision changes; a publish makes version `number`."""

    action: Literal["create", "revise", "publish"]
    kind: Kind
    id: str
    changes: list[Change] = []
    number: int = 0
    body: Any = None
    etag: str = ""


class Archived(Exception):
    """The folder names something that was archived: it cannot be revised."""


async def plan(api: Api, folder: ConfigFolder) -> list[Step]:
    """What it takes to make Baton as the folder says, in order; empty where it is so. Raises ApiRefused, Archived."""
    steps: list[Step] = []
    for name, file in folder.panel_kinds.items():
        steps += await _written(api, "panel_kind", name, file, said="definition")
    for agent, definition in folder.agents.items():
        steps += await _written(api, "agent", agent, definition, said="definition")
    for template, draft in folder.templates.items():
        steps += await _written(api, "template", template, draft, said="draft")
    for template, draft in folder.templates.items():
        steps += await _published(api, template, draft, folder, changed={(one.kind, one.id) for one in steps})
    return steps


async def apply(api: Api, steps: list[Step]) -> None:
    """Take the steps of a plan. Raises ApiRefused: what came before it stays done, and applying again goes on."""
    for step in steps:
        path = f"{_PATHS[step.kind]}/{step.id}"
        if step.action == "publish":
            await api.post(f"{path}/publish", {})
        else:
            await api.put(path, step.body, etag=step.etag)


async def pull(api: Api) -> ConfigFolder:
    """All agents, templates and panel kinds that are not archived, as they now read. Raises ApiRefused."""
    agents, templates, kinds = [await _ids(api, kind) for kind in ("agent", "template", "panel_kind")]
    return ConfigFolder(
        agents={AgentId(id): await _read(api, "agent", id, "definition", AgentDefinition) for id in agents},
        templates={TemplateId(id): await _read(api, "template", id, "draft", TemplateDraft) for id in templates},
        panel_kinds={PanelId(id): await _read(api, "panel_kind", id, "definition", PanelKindFile) for id in kinds},
    )


async def _written(api: Api, kind: Kind, id: str, wanted: T, *, said: str) -> list[Step]:
    found, etag = await api.entity(f"{_PATHS[kind]}/{id}")
    body = msgspec.to_builtins(wanted)
    if found is None:
        return [Step(action="create", kind=kind, id=id, body=body)]
    if found["archived"]:
        raise Archived(
            f"the {kind.replace('_', ' ')} {id} is archived: take it out of the folder, or give it another id"
        )
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
    }
    stale = number == 0 or not parts.isdisjoint(changed)
    if not stale:
        version = await api.get(f"/api/templates/{id}/versions/{number}")
        content = msgspec.convert(version["content"], TemplateVersion)
        stale = content.draft != draft or not await _as_published(api, content, folder)
    return [Step(action="publish", kind="template", id=id, number=number + 1)] if stale else []


async def _as_published(api: Api, version: TemplateVersion, folder: ConfigFolder) -> bool:
    """Whether every agent and every panel kind of the version reads as when it was published."""
    for one in version.agents:
        now = folder.agents.get(one.id) or await _read(api, "agent", one.id, "definition", AgentDefinition)
        if now != one.definition:
            return False
    for name, kind in version.panel_kinds.items():
        file = folder.panel_kinds.get(name) or await _read(api, "panel_kind", name, "definition", PanelKindFile)
        if file != kind.file:
            return False
    return True


async def _ids(api: Api, kind: Kind) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await api.get(_PATHS[kind], limit=_PAGE, **cursor)
        found += [one[_NAMED[kind]] for one in page["data"] if not one.get("builtin")]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def _read(api: Api, kind: Kind, id: str, said: str, struct: type[T]) -> T:
    return msgspec.convert((await api.get(f"{_PATHS[kind]}/{id}"))[said], struct)
