"""/api/templates/{template_id}/aliases"""

from typing import Annotated, Any

import msgspec
from litestar import delete, get, put
from litestar.params import JSONBody, PathParameter

from chassis.http.app import Caller, PathId
from config.domain.template import (
    Drafted,
    InvalidAliasTargets,
    MoveAlias,
    NoSuchAlias,
    RemoveAlias,
    Share,
    TemplateIsArchived,
)
from config.http.answers import ConfigEntities, encoded
from contracts.aliases import ALIAS_PATTERN, AliasTarget
from contracts.ids import TemplateId
from contracts.positions import Position

AliasName = Annotated[str, PathParameter(pattern=ALIAS_PATTERN)]


class AliasShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version by its number, and its share of new sessions in percent."""

    number: int
    weight: int = 100


class AliasRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the alias shall lead: one version, or two whose weights add up to 100."""

    targets: list[AliasShare]


class AliasAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alias leads."""

    alias: str
    targets: list[AliasTarget]
    position: str = ""


class AliasList(msgspec.Struct, frozen=True, kw_only=True):
    """All aliases of a template, by name; there is one page."""

    data: list[AliasAnswer]
    next_cursor: str | None = None


@get("/api/templates/{template_id:str}/aliases", opt={"scope": "templates:read"})
async def list_aliases(template_id: PathId, principal: Caller, entities: ConfigEntities) -> AliasList:
    """The aliases of a template."""
    stream = await entities.find_template(principal.customer, TemplateId(template_id))
    assert isinstance(stream.state, Drafted)
    found = sorted(stream.state.aliases.items())
    return AliasList(data=[AliasAnswer(alias=alias, targets=targets) for alias, targets in found])


@put(
    "/api/templates/{template_id:str}/aliases/{alias:str}",
    opt={"scope": "templates:write", "refuses": (InvalidAliasTargets, TemplateIsArchived)},
)
async def move_alias(
    template_id: PathId, alias: AliasName, data: JSONBody[AliasRequest], principal: Caller, entities: ConfigEntities
) -> AliasAnswer:
    """Let an alias lead elsewhere. The next session gets it; those that have begun keep their version."""
    shares = [Share(share.number, share.weight) for share in data.targets]
    handled = await entities.write_template(principal, TemplateId(template_id), MoveAlias(alias, shares))
    return _answer(alias, handled.state, handled.position)


@delete(
    "/api/templates/{template_id:str}/aliases/{alias:str}",
    opt={"scope": "templates:write", "refuses": (NoSuchAlias, TemplateIsArchived)},
)
async def remove_alias(template_id: PathId, alias: AliasName, principal: Caller, entities: ConfigEntities) -> None:
    """Take an alias away: nothing starts by it any more."""
    await entities.write_template(principal, TemplateId(template_id), RemoveAlias(alias))


def _answer(alias: str, state: Any, position: Position | None) -> AliasAnswer:
    assert isinstance(state, Drafted)
    return AliasAnswer(alias=alias, targets=state.aliases[alias], position=encoded(position))


ROUTES = [list_aliases, move_alias, remove_alias]
