"""/api/agents"""

from typing import Any

import msgspec
from litestar import Response, get, post, put
from litestar.params import JSONBody

from chassis.http.app import Caller, PathId
from chassis.http.conditions import BadTag, IfMatch, precondition
from chassis.ids import new_id
from config.domain.agent_definition import Archive, DefinitionArchived, Write, Written
from config.http.answers import ConfigEntities, encoded, tagged
from contracts.ids import AgentId
from contracts.positions import Position
from contracts.template_version import AgentDefinition


class AgentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An agent definition as it now reads."""

    id: AgentId
    definition: AgentDefinition
    archived: bool = False
    position: str = ""


@post("/api/agents", opt={"scope": "agents:write", "idempotent": True, "etag": True})
async def create_agent(
    data: JSONBody[AgentDefinition], principal: Caller, entities: ConfigEntities
) -> Response[AgentAnswer]:
    """Create an agent definition. Its handoff targets and tools are checked when a template is published."""
    id = AgentId(new_id("agt"))
    handled = await entities.write_agent(principal, id, Write(data))
    return _answer(id, handled.state, handled.position)


@put(
    "/api/agents/{agent_id:str}",
    opt={"scope": "agents:write", "refuses": (DefinitionArchived, BadTag), "conditional": True, "etag": True},
)
async def write_agent(
    agent_id: PathId,
    data: JSONBody[AgentDefinition],
    principal: Caller,
    entities: ConfigEntities,
    if_match: IfMatch = None,
) -> Response[AgentAnswer]:
    """Write the whole definition under an id of your choice; the same content twice changes nothing.

    Revising one that exists needs If-Match.
    """
    id = AgentId(agent_id)
    handled = await entities.write_agent(principal, id, Write(data), check=precondition(if_match))
    return _answer(id, handled.state, handled.position)


@get("/api/agents/{agent_id:str}", opt={"scope": "agents:read", "etag": True})
async def get_agent(agent_id: PathId, principal: Caller, entities: ConfigEntities) -> Response[AgentAnswer]:
    """One agent definition."""
    id = AgentId(agent_id)
    stream = await entities.find_agent(principal.customer, id)
    return _answer(id, stream.state, stream.position)


@post("/api/agents/{agent_id:str}/archive", opt={"scope": "agents:write", "etag": True}, status_code=200)
async def archive_agent(agent_id: PathId, principal: Caller, entities: ConfigEntities) -> Response[AgentAnswer]:
    """Take a definition out of use: no template publishes with it any more; versions keep it. Twice is safe."""
    id = AgentId(agent_id)
    handled = await entities.write_agent(principal, id, Archive())
    return _answer(id, handled.state, handled.position)


def _answer(id: AgentId, state: Any, position: Position | None) -> Response[AgentAnswer]:
    assert isinstance(state, Written)
    told = AgentAnswer(id=id, definition=state.definition, archived=state.archived, position=encoded(position))
    return Response(told, headers=tagged(position))


ROUTES = [create_agent, write_agent, get_agent, archive_agent]
