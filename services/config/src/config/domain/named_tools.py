"""The tools that agents name: Baton's own, the customer's, and those of MCP servers, as ``<server>.<tool>``.

A model knows all tools of an agent by one name each, so no two may come to the same.
"""

from collections.abc import Iterator, Mapping

import msgspec

from chassis.errors import FieldError
from config.domain.draft_rules import Definitions, Kinds
from contracts.builtin_tools import BUILTIN_TOOLS, SET_FLAG
from contracts.custom_tool import CustomTool
from contracts.ids import AgentId
from contracts.mcp_server import VersionMcpServer, model_name, parse_reference
from contracts.panels.refusals import BadPanelKind
from contracts.panels.tools import panel_tools, tools_of
from contracts.template_version import AgentDefinition, TemplateDraft

Tools = Mapping[str, CustomTool]
Servers = Mapping[str, VersionMcpServer]


def named_tool_errors(
    draft: TemplateDraft, definitions: Definitions, kinds: Kinds, tools: Tools, servers: Servers
) -> Iterator[FieldError]:
    """Tools that are not there or not approved, and names that are taken. Pointers go into the set."""
    for agent, definition in present(draft, definitions):
        panels = [kinds[panel] for panel in definition.panels if panel in kinds]
        taken = {tool.name: f"a tool of one of {agent}'s panels" for kind in panels for tool in panel_tools(kind)}
        try:
            tools_of(panels)
        except BadPanelKind as clash:
            yield FieldError(f"/agents/{agent}/panels", "tool_name_taken", clash.problem)
        for place, tool in enumerate(definition.tools):
            where = f"/agents/{agent}/tools/{place}"
            if missing := _missing(tool, tools, servers):
                yield FieldError(where, *missing)
                continue
            if tool == SET_FLAG and not draft.flags:
                yield FieldError(where, "no_flags", f"{agent} is to set flags, and the template declares none")
            name = _model_name(tool)
            if name in taken:
                yield FieldError(where, "tool_name_taken", f"{name} is the name of {taken[name]}")
            taken.setdefault(name, f"the tool {tool}")


def custom_tools_named(draft: TemplateDraft, definitions: Definitions, tools: Tools) -> dict[str, CustomTool]:
    """The customer's own tools that agents name, by name."""
    return {name: tools[name] for name in sorted(_names(draft, definitions)) if name in tools}


def servers_named(draft: TemplateDraft, definitions: Definitions, servers: Servers) -> dict[str, VersionMcpServer]:
    """The MCP servers that agents name, each with the tools that they name and no other."""
    wanted: dict[str, list[str]] = {}
    for name in sorted(_names(draft, definitions)):
        if reference := parse_reference(name):
            wanted.setdefault(reference[0], []).append(reference[1])
    return {
        name: msgspec.structs.replace(servers[name], tools={tool: servers[name].tools[tool] for tool in named})
        for name, named in wanted.items()
    }


def present(draft: TemplateDraft, definitions: Definitions) -> Iterator[tuple[AgentId, AgentDefinition]]:
    """The agents of a draft that there are."""
    for agent in draft.agents:
        if agent in definitions:
            yield agent, definitions[agent]


def _missing(tool: str, tools: Tools, servers: Servers) -> tuple[str, str] | None:
    """The code and the words for a tool that cannot be published; None where it can."""
    reference = parse_reference(tool)
    if reference is None:
        known = tool in BUILTIN_TOOLS or tool in tools
        return None if known else ("unknown_tool", f"there is no tool {tool}")
    server, name = reference
    if server not in servers:
        return "unknown_mcp_server", f"there is no MCP server {server} in use"
    if name not in servers[server].tools:
        return "tool_not_approved", f"the tool {name[:64]} of the MCP server {server} is not approved as it is"
    return None


def _model_name(tool: str) -> str:
    reference = parse_reference(tool)
    return model_name(*reference) if reference else tool


def _names(draft: TemplateDraft, definitions: Definitions) -> set[str]:
    return {tool for _, definition in present(draft, definitions) for tool in definition.tools}
