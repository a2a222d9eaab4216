"""/api/tools"""

from typing import Any, Literal

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from chassis.errors import FieldError
from chassis.guarded_http import GuardedFault
from chassis.http.app import Caller, PathId
from config.domain.custom_tool import ToolArchived, ToolExists, Written
from config.domain.mcp_rules import offered
from config.domain.schema_rules import schema_advice
from config.handlers.custom_tools import CustomTools, TooManyTools
from config.http.answers import encoded
from config.http.mcp_servers import AsksServers, KeepsServers
from contracts.builtin_tools import BUILTIN_DESCRIPTIONS, BUILTIN_PARAMETERS
from contracts.custom_tool import CustomTool
from contracts.panels.kind import Schema
from contracts.positions import Position

KeepsTools = NamedDependency[CustomTools]
_SHOWN = 16_000


class ToolRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`secret` is ``whsec_`` and base64 of 24 to 64 random bytes; needed at first, and never given back."""

    description: str
    parameters: Schema
    url: str
    timeout_s: int = 10
    idempotent: bool = False

    def tool(self) -> CustomTool:
        """The definition, without name and secret."""
        return CustomTool(
            description=self.description,
            parameters=self.parameters,
            url=self.url,
            timeout_s=self.timeout_s,
            idempotent=self.idempotent,
        )


class NewTool(ToolRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new tool: agents name it by `name`."""

    name: str
    secret: str


class RevisedTool(ToolRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole definition; the secret in force is kept where none is given."""

    secret: str | None = None


class ToolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A custom tool as it now reads. `advice` is what is allowed and would be better otherwise."""

    name: str
    definition: CustomTool
    archived: bool = False
    advice: list[FieldError] = []
    position: str = ""


class ListedTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that agents may name: Baton's own, your own, or one of an MCP server's, approved, as `<server>.<tool>`.

    `parameters` is the JSON Schema of a call; null for a tool of Baton's whose parameters the template declares.
    """

    name: str
    kind: Literal["builtin", "custom", "mcp"]
    description: str
    parameters: Schema | None
    archived: bool = False


class ToolList(msgspec.Struct, frozen=True, kw_only=True):
    """All tools, Baton's own first: they are few, and come in one page."""

    data: list[ListedTool]
    next_cursor: str | None = None


class TryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of one call."""

    arguments: dict[str, object] = {}


class TryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the tool answered, its text cut at 16 000 characters; or in `failure` why it gave no answer."""

    status: int | None = None
    body: str = ""
    truncated: bool = False
    failure: str = ""
    detail: str = ""


@get("/api/tools", opt={"scope": "tools:read"})
async def list_tools(
    principal: Caller, custom_tools: KeepsTools, mcp_servers: KeepsServers, mcp_tools: AsksServers
) -> ToolList:
    """Every tool that an agent may be given; of MCP servers, those that are approved now."""
    listed = [
        ListedTool(name=name, kind="builtin", description=text, parameters=BUILTIN_PARAMETERS.get(name))
        for name, text in BUILTIN_DESCRIPTIONS.items()
    ]
    for name, known in (await custom_tools.all_of(principal.customer)).items():
        told = known.definition
        listed.append(
            ListedTool(
                name=name,
                kind="custom",
                description=told.description,
                parameters=told.parameters,
                archived=known.archived,
            )
        )
    for server, state in (await mcp_servers.all_of(principal.customer)).items():
        listed += [
            ListedTool(
                name=f"{server}.{name}",
                kind="mcp",
                description=tool.description,
                parameters=offered(tool.input_schema),
            )
            for name, tool in (await mcp_tools.approved(state)).items()
        ]
    return ToolList(data=listed)


@post("/api/tools", opt={"scope": "tools:write", "refuses": (ToolExists, TooManyTools)})
async def create_tool(data: JSONBody[NewTool], principal: Caller, custom_tools: KeepsTools) -> ToolAnswer:
    """Create a custom tool: a webhook that a model may call."""
    handled = await custom_tools.create(principal, data.name, data.tool(), data.secret)
    return _answer(data.name, handled.state, handled.position)


@put("/api/tools/{tool_name:str}", opt={"scope": "tools:write", "refuses": (ToolArchived,)})
async def revise_tool(
    tool_name: PathId, data: JSONBody[RevisedTool], principal: Caller, custom_tools: KeepsTools
) -> ToolAnswer:
    """Revise a custom tool; published versions keep the definition that they have."""
    handled = await custom_tools.revise(principal, tool_name, data.tool(), data.secret)
    return _answer(tool_name, handled.state, handled.position)


@get("/api/tools/{tool_name:str}", opt={"scope": "tools:read"})
async def get_tool(tool_name: PathId, principal: Caller, custom_tools: KeepsTools) -> ToolAnswer:
    """One custom tool."""
    stream = await custom_tools.find(principal.customer, tool_name)
    return _answer(tool_name, stream.state, stream.position)


@delete("/api/tools/{tool_name:str}", opt={"scope": "tools:write"})
async def archive_tool(tool_name: PathId, principal: Caller, custom_tools: KeepsTools) -> None:
    """Archive a custom tool: it can no longer be published; versions that have it keep it."""
    await custom_tools.archive(principal, tool_name)


@post("/api/tools/{tool_name:str}/try", opt={"scope": "tools:write"}, status_code=200)
async def try_tool(
    tool_name: PathId, data: JSONBody[TryRequest], principal: Caller, custom_tools: KeepsTools
) -> TryAnswer:
    """Call the tool once, signed as in a session: it does what it does."""
    try:
        answer = await custom_tools.attempt(principal, tool_name, data.arguments)
    except GuardedFault as fault:
        return TryAnswer(failure=fault.code, detail=str(fault))
    text = answer.body.decode("utf-8", "replace")
    return TryAnswer(status=answer.status, body=text[:_SHOWN], truncated=len(text) > _SHOWN)


def _answer(name: str, state: Any, position: Position | None) -> ToolAnswer:
    assert isinstance(state, Written)
    return ToolAnswer(
        name=name,
        definition=state.definition,
        archived=state.archived,
        advice=list(schema_advice(state.definition.parameters)),
        position=encoded(position),
    )


ROUTES = [list_tools, create_tool, revise_tool, get_tool, archive_tool, try_tool]
