"""Custom tools, MCP servers and aliases of a folder: what it takes to make Baton as they say, and how they now read.

A secret comes from the environment variable that its file names. It goes with what is created or revised: whether the
one in force is another, nobody can see.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from baton.config_folder import Aliases, BadFolder, McpServerFile, Share, ToolFile
from baton.demo.api import Api
from baton.plan_steps import Archived, Step
from config.domain.difference import changes
from contracts.custom_tool import CustomTool
from contracts.ids import TemplateId
from contracts.mcp_server import McpServer

Environment = Mapping[str, str]


async def tool_steps(api: Api, name: str, file: ToolFile, environment: Environment) -> list[Step]:
    """Create or revise a custom tool. Raises ApiRefused, Archived, BadFolder without the secret of a new one."""
    found, _ = await api.entity(f"/api/tools/{name}")
    body = msgspec.to_builtins(file.tool())
    if found is None:
        secret = _variable(f"tools/{name}.yaml", file.secret_from, environment)
        return [Step(action="create", kind="tool", id=name, body={**body, "name": name, "secret": secret})]
    if found["archived"]:
        raise Archived("tool", name)
    differing = changes(msgspec.to_builtins(msgspec.convert(found["definition"], CustomTool)), body)
    if not differing:
        return []
    held = environment.get(file.secret_from)
    return [Step(action="revise", kind="tool", id=name, changes=differing, body={**body, "secret": held})]


async def mcp_server_steps(api: Api, name: str, file: McpServerFile, environment: Environment) -> list[Step]:
    """Create or revise an MCP server, and approve its tools as the file has them. Raises as `tool_steps` does.

    The server is asked when the step is taken: with tools that read otherwise by then, Baton refuses.
    """
    found, etag = await api.entity(f"/api/mcp-servers/{name}")
    if found is None:
        created = Step(action="create", kind="mcp_server", id=name, body=_server(name, file, environment))
        return [created, *_approved(name, file, {})]
    if found["archived"]:
        raise Archived("mcp_server", name)
    known = _approvals(found["tools"]) if found["definition"]["url"] == file.url else {}
    return [*_revised(name, file, found, etag, environment), *_approved(name, file, known)]


def _revised(
    name: str, file: McpServerFile, found: Mapping[str, Any], etag: str, environment: Environment
) -> list[Step]:
    now = {**msgspec.to_builtins(msgspec.convert(found["definition"], McpServer)), "headers": found["headers"]}
    wanted = {**msgspec.to_builtins(file.server()), "headers": sorted(file.headers_from)}
    if not (differing := changes(now, wanted)):
        return []
    given = all(map(environment.get, file.headers_from.values()))
    if now["headers"] == wanted["headers"] and not given:
        body = {**msgspec.to_builtins(file.server()), "headers": None}
    else:
        body = _server(name, file, environment)
    return [Step(action="revise", kind="mcp_server", id=name, changes=differing, body=body, etag=etag)]


def _approved(name: str, file: McpServerFile, known: Mapping[str, list[Any]]) -> list[Step]:
    """Approve what the file has approved and Baton has not, or not any more."""
    wanted = {tool: [hash, tool in file.idempotent] for tool, hash in file.approved.items()}
    lacking = {tool: one for tool, one in wanted.items() if known.get(tool) != one}
    if not lacking:
        return []
    tools = {tool: file.approved[tool] for tool in lacking}
    body = {"tools": tools, "idempotent": [tool for tool in file.idempotent if tool in lacking]}
    told = changes({tool: known[tool] for tool in lacking if tool in known}, lacking)
    return [Step(action="approve", kind="mcp_server", id=name, changes=told, body=body)]


async def alias_steps(api: Api, template: TemplateId, aliases: Aliases) -> list[Step]:
    """Move the aliases that lead elsewhere. Raises ApiRefused."""
    found, _ = await api.entity(f"/api/templates/{template}/aliases")
    now = {one["alias"]: _plain(one["targets"]) for one in found["data"]} if found else {}
    steps = []
    for alias, said in sorted(aliases.items()):
        wanted = _plain([{"number": said}] if isinstance(said, int) else msgspec.to_builtins(said))
        if now.get(alias) != wanted:
            told = changes({"targets": now.get(alias, [])}, {"targets": wanted})
            body = {"targets": wanted}
            steps.append(Step(action="move", kind="alias", id=f"{template}@{alias}", changes=told, body=body))
    return steps


async def pull_tools(api: Api) -> dict[str, ToolFile]:
    """All custom tools in use. Raises ApiRefused."""
    listed = (await api.get("/api/tools"))["data"]
    names = [one["name"] for one in listed if one["kind"] == "custom" and not one["archived"]]
    found = {name: (await api.get(f"/api/tools/{name}"))["definition"] for name in names}
    return {
        name: msgspec.convert({**definition, "secret_from": _suggested(name, "secret")}, ToolFile)
        for name, definition in found.items()
    }


async def pull_mcp_servers(api: Api, names: list[str]) -> dict[str, McpServerFile]:
    """These MCP servers, each with its tools that may be used now. Raises ApiRefused."""
    servers = {}
    for name in names:
        found = await api.get(f"/api/mcp-servers/{name}")
        approved = _approvals(found["tools"])
        servers[name] = msgspec.convert(
            {
                **found["definition"],
                "headers_from": {header: _suggested(name, header) for header in found["headers"]},
                "approved": {tool: hash for tool, (hash, _) in approved.items()},
                "idempotent": [tool for tool, (_, idempotent) in approved.items() if idempotent],
            },
            McpServerFile,
        )
    return servers


async def pull_aliases(api: Api, templates: list[str]) -> dict[TemplateId, Aliases]:
    """Where all aliases of these templates lead. Raises ApiRefused."""
    found: dict[TemplateId, Aliases] = {}
    for template in templates:
        listed = (await api.get(f"/api/templates/{template}/aliases"))["data"]
        aliases: Aliases = {}
        for one in listed:
            shares = [Share(number=target["number"], weight=target["weight"]) for target in one["targets"]]
            aliases[one["alias"]] = shares[0].number if len(shares) == 1 else shares
        if aliases:
            found[TemplateId(template)] = aliases
    return found


def _server(name: str, file: McpServerFile, environment: Environment) -> dict[str, Any]:
    where = f"mcp-servers/{name}.yaml"
    headers = {header: _variable(where, variable, environment) for header, variable in file.headers_from.items()}
    return {**msgspec.to_builtins(file.server()), "headers": headers}


def _approvals(tools: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: [one["hash"], one["idempotent"]] for name, one in tools.items() if one["disabled"] is None}


def _plain(targets: list[Any]) -> list[dict[str, int]]:
    return [{"number": one["number"], "weight": one.get("weight", 100)} for one in targets]


def _variable(where: str, name: str, environment: Environment) -> str:
    if not name:
        raise BadFolder(f"{where}: secret_from names the environment variable that holds the secret")
    if not environment.get(name):
        raise BadFolder(f"{where}: the environment variable {name} is not set")
    return environment[name]


def _suggested(*parts: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", "_".join(parts).upper())
