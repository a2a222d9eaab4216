"""/api/templates/{template_id}: versions, what differs between them, restoring, archiving."""

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from chassis.http.app import Caller, PathId
from config.domain.difference import Change
from config.domain.template import Archive, NoSuchVersion, TemplateIsArchived
from config.handlers.versions import PublishedVersion, Versions
from config.http.answers import ConfigEntities
from config.http.templates import TemplateAnswer, answer
from contracts.ids import TemplateId, VersionHash
from contracts.template_version import TemplateVersion

TemplateVersions = NamedDependency[Versions]


class VersionList(msgspec.Struct, frozen=True, kw_only=True):
    """Publications of a template, the last first; there is one page."""

    data: list[PublishedVersion]
    next_cursor: str | None = None


class VersionContent(msgspec.Struct, frozen=True, kw_only=True):
    """A version as sessions run it."""

    number: int
    version: VersionHash
    content: TemplateVersion


class ChangeList(msgspec.Struct, frozen=True, kw_only=True):
    """What differs, by JSON Pointer into the version (agents by their ids); empty where nothing does."""

    data: list[Change]
    next_cursor: str | None = None


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version to publish once more."""

    number: int


_READ = {"scope": "templates:read", "refuses": (NoSuchVersion,)}


@get("/api/templates/{template_id:str}/versions", opt={"scope": "templates:read"})
async def list_versions(template_id: PathId, principal: Caller, versions: TemplateVersions) -> VersionList:
    """Every publication of a template: when, by whom, under which hash."""
    return VersionList(data=await versions.published(principal.customer, TemplateId(template_id)))


@get("/api/templates/{template_id:str}/versions/{number:int}", opt=_READ)
async def get_version(
    template_id: PathId, number: FromPath[int], principal: Caller, versions: TemplateVersions
) -> VersionContent:
    """One version with its agents and panel kinds, as sessions run it."""
    hash, content = await versions.content(principal.customer, TemplateId(template_id), number)
    return VersionContent(number=number, version=hash, content=content)


@get("/api/templates/{template_id:str}/diff", opt=_READ)
async def compare_versions(
    template_id: PathId, before: FromQuery[int], after: FromQuery[int], principal: Caller, versions: TemplateVersions
) -> ChangeList:
    """What differs between two versions, given by their numbers."""
    return ChangeList(data=await versions.compare(principal.customer, TemplateId(template_id), before, after))


@post(
    "/api/templates/{template_id:str}/restore",
    opt={"scope": "templates:write", "refuses": (NoSuchVersion, TemplateIsArchived)},
    status_code=200,
)
async def restore_version(
    template_id: PathId, data: JSONBody[RestoreRequest], principal: Caller, versions: TemplateVersions
) -> TemplateAnswer:
    """Publish an earlier version once more, as a new number. Its draft becomes the draft."""
    id = TemplateId(template_id)
    handled = await versions.restore(principal, id, data.number)
    return answer(id, handled.state, handled.position)


@post("/api/templates/{template_id:str}/archive", opt={"scope": "templates:write"}, status_code=200)
async def archive_template(template_id: PathId, principal: Caller, entities: ConfigEntities) -> TemplateAnswer:
    """Start no more sessions from it; live ones go on. Twice is safe."""
    id = TemplateId(template_id)
    handled = await entities.write_template(principal, id, Archive())
    return answer(id, handled.state, handled.position)


ROUTES = [list_versions, get_version, compare_versions, restore_version, archive_template]
