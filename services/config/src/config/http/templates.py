"""/api/templates"""

from typing import Any

import msgspec
from litestar import Response, get, post, put
from litestar.params import JSONBody

from chassis.errors import FieldError
from chassis.http.app import Caller, PathId
from chassis.http.conditions import BadTag, IfMatch, precondition
from chassis.ids import new_id
from config.domain.publishing import InvalidTemplate
from config.domain.template import Drafted, TemplateIsArchived, Write
from config.http.answers import ConfigEntities, encoded, tagged
from contracts.ids import TemplateId, VersionHash
from contracts.positions import Position
from contracts.template_version import TemplateDraft


class TemplateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A template's draft, and the version that new sessions get (`version` is empty before the first publish).

    `warnings` come with a publish: what is published and works, and should be changed (a deprecated model).
    """

    id: TemplateId
    draft: TemplateDraft
    number: int
    version: VersionHash
    archived: bool = False
    position: str = ""
    warnings: list[FieldError] = []


@post("/api/templates", opt={"scope": "templates:write", "idempotent": True, "etag": True})
async def create_template(
    data: JSONBody[TemplateDraft], principal: Caller, entities: ConfigEntities
) -> Response[TemplateAnswer]:
    """Create a draft."""
    id = TemplateId(new_id("tpl"))
    handled = await entities.write_template(principal, id, Write(data))
    return with_tag(answer(id, handled.state, handled.position), handled.position)


@put(
    "/api/templates/{template_id:str}",
    opt={"scope": "templates:write", "refuses": (TemplateIsArchived, BadTag), "conditional": True, "etag": True},
)
async def write_template(
    template_id: PathId,
    data: JSONBody[TemplateDraft],
    principal: Caller,
    entities: ConfigEntities,
    if_match: IfMatch = None,
) -> Response[TemplateAnswer]:
    """Write the whole draft under an id of your choice; the same content twice changes nothing.

    Revising one that exists needs If-Match.
    """
    id = TemplateId(template_id)
    handled = await entities.write_template(principal, id, Write(data), check=precondition(if_match))
    return with_tag(answer(id, handled.state, handled.position), handled.position)


@get("/api/templates/{template_id:str}", opt={"scope": "templates:read", "etag": True})
async def get_template(template_id: PathId, principal: Caller, entities: ConfigEntities) -> Response[TemplateAnswer]:
    """One template."""
    id = TemplateId(template_id)
    stream = await entities.find_template(principal.customer, id)
    return with_tag(answer(id, stream.state, stream.position), stream.position)


@post(
    "/api/templates/{template_id:str}/publish",
    opt={"scope": "templates:write", "refuses": (InvalidTemplate, TemplateIsArchived)},
    status_code=200,
)
async def publish_template(template_id: PathId, principal: Caller, entities: ConfigEntities) -> TemplateAnswer:
    """Validate and publish the draft as an immutable version; an unchanged set keeps its version."""
    id = TemplateId(template_id)
    published = await entities.publish(principal, id)
    return answer(id, published.handled.state, published.handled.position, published.warnings)


def with_tag(told: TemplateAnswer, position: Position | None) -> Response[TemplateAnswer]:
    """The answer with the ETag that revising needs."""
    return Response(told, headers=tagged(position))


def answer(
    id: TemplateId, state: Any, position: Position | None, warnings: list[FieldError] | None = None
) -> TemplateAnswer:
    """A template as it now stands."""
    assert isinstance(state, Drafted)
    return TemplateAnswer(
        id=id,
        draft=state.draft,
        number=state.number,
        version=state.version,
        archived=state.archived,
        position=encoded(position),
        warnings=warnings or [],
    )


ROUTES = [create_template, write_template, get_template, publish_template]
