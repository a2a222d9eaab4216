"""The steps of a plan: what applying a folder would do, one thing at a time."""

from typing import Any, Literal

import msgspec

from baton.demo.api import Api
from config.domain.difference import Change

Kind = Literal["panel_kind", "tool", "mcp_server", "agent", "template", "alias"]
Action = Literal["create", "revise", "approve", "publish", "move"]

PATHS: dict[Kind, str] = {
    "panel_kind": "/api/panel-kinds",
    "tool": "/api/tools",
    "mcp_server": "/api/mcp-servers",
    "agent": "/api/agents",
    "template": "/api/templates",
}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do. `changes` says what it changes; a publish makes version `number`. `body` may hold secrets."""

    action: Action
    kind: Kind
    id: str
    changes: list[Change] = []
    number: int = 0
    body: Any = None
    etag: str = ""


class Archived(Exception):
    """The folder names something that was archived: it cannot be revised."""

    def __init__(self, kind: Kind, id: str) -> None:
        super().__init__(
            f"the {kind.replace('_', ' ')} {id} is archived: take it out of the folder, or give it another id"
        )


async def take(api: Api, step: Step) -> None:
    """Take one step. Raises ApiRefused."""
    match step.kind, step.action:
        case "alias", _:
            template, _, alias = step.id.partition("@")
            await api.put(f"/api/templates/{template}/aliases/{alias}", step.body)
        case "tool", "create":
            await api.post(PATHS["tool"], step.body)
        case kind, "approve" | "publish":
            await api.post(f"{PATHS[kind]}/{step.id}/{step.action}", step.body or {})
        case kind, _:
            await api.put(f"{PATHS[kind]}/{step.id}", step.body, etag=step.etag)
