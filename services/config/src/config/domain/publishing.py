"""Assembling a template version from a draft and its agents; every mistake is named with a JSON Pointer.

Pointers go into the set as the customer sees it: ``/initial_agent``, ``/agents/<id>/handoff_targets/0/agent`` …
"""

from collections.abc import Iterator, Mapping

from msgspec import UNSET

from chassis.errors import FieldError, InvalidInput
from config.domain.agent_rules import own_errors
from config.domain.draft_rules import Definitions, Kinds, draft_errors
from config.domain.model_rules import model_errors, template_model_errors
from config.domain.pointers import below
from config.domain.text_rules import placeholder_errors
from contracts.builtin_tools import BUILTIN_TOOLS
from contracts.custom_tool import CustomTool
from contracts.ids import AgentId, TemplateId
from contracts.model_catalogue import ModelCatalogue
from contracts.panels.tools import tools_of
from contracts.template_version import AgentDefinition, TemplateDraft, TemplateVersion, VersionAgent


class InvalidTemplate(InvalidInput):
    """The set does not hold together."""

    code, title = "invalid_template", "The template cannot be published"


def assemble(
    template: TemplateId,
    draft: TemplateDraft,
    *,
    definitions: Definitions,
    kinds: Kinds,
    models: ModelCatalogue,
    tools: Mapping[str, CustomTool] | None = None,
) -> TemplateVersion:
    """The whole set; `definitions` holds those agents of the draft that exist, `tools` the customer's own tools.

    Raises InvalidTemplate.
    """
    tools = tools or {}
    errors = [
        *draft_errors(draft, definitions, kinds),
        *template_model_errors(draft, models),
        *_agent_errors(draft, definitions, models),
        *_tool_errors(draft, definitions, kinds, tools),
        *_unreachable(draft, definitions),
    ]
    if errors:
        raise InvalidTemplate("; ".join(error.detail for error in errors[:3]), errors=errors)
    return TemplateVersion(
        template_id=template,
        draft=draft,
        agents=[VersionAgent(id=agent, definition=definitions[agent]) for agent in draft.agents],
        panel_kinds={panel: kinds[panel] for panel in draft.panels},
        tools={name: tools[name] for name in sorted(_custom_names(draft, definitions))} or UNSET,
    )


def _agent_errors(draft: TemplateDraft, definitions: Definitions, models: ModelCatalogue) -> Iterator[FieldError]:
    for agent, definition in _present(draft, definitions):
        where = f"/agents/{agent}"
        yield from below(where, own_errors(definition))
        yield from below(where, placeholder_errors(draft, definition))
        yield from model_errors(draft, agent, definition, models)
        for place, target in enumerate(definition.handoff_targets):
            if target.agent not in draft.agents:
                detail = f"{agent} hands off to {target.agent}, which is not an agent of this template"
                yield FieldError(f"{where}/handoff_targets/{place}/agent", "unknown_handoff_target", detail)
            if target.agent == agent:
                detail = f"{agent} hands off to itself"
                yield FieldError(f"{where}/handoff_targets/{place}/agent", "self_handoff", detail)
        for place, panel in enumerate(definition.panels):
            if panel not in draft.panels:
                detail = f"{agent} uses the panel {panel}, which the template does not enable"
                yield FieldError(f"{where}/panels/{place}", "panel_not_enabled", detail)
        yield from _modality_errors(where, agent, definition, draft)


def _tool_errors(
    draft: TemplateDraft, definitions: Definitions, kinds: Kinds, tools: Mapping[str, CustomTool]
) -> Iterator[FieldError]:
    for agent, definition in _present(draft, definitions):
        panels = [kinds[panel] for panel in definition.panels if panel in kinds]
        generated = {tool.name for tool in tools_of(panels)}
        for place, tool in enumerate(definition.tools):
            where = f"/agents/{agent}/tools/{place}"
            if tool not in BUILTIN_TOOLS and tool not in tools:
                yield FieldError(where, "unknown_tool", f"there is no tool {tool}")
            elif tool in generated:
                yield FieldError(where, "tool_name_taken", f"{tool} is the name of a tool of one of {agent}'s panels")


def _custom_names(draft: TemplateDraft, definitions: Definitions) -> set[str]:
    named = {tool for _, definition in _present(draft, definitions) for tool in definition.tools}
    return named - BUILTIN_TOOLS


def _modality_errors(
    where: str, agent: AgentId, definition: AgentDefinition, draft: TemplateDraft
) -> Iterator[FieldError]:
    needed = {"audio": None, "audio_camera": "camera", "audio_screen": "screen"}[definition.modality]
    if needed and getattr(draft.profile, needed) == "off":
        detail = f"{agent} needs the {needed}, which the modality profile has off"
        yield FieldError(f"{where}/modality", "modality_not_offered", detail)


def _unreachable(draft: TemplateDraft, definitions: Definitions) -> Iterator[FieldError]:
    reached, frontier = {draft.initial_agent}, [draft.initial_agent]
    while frontier:
        definition = definitions.get(frontier.pop())
        for target in definition.handoff_targets if definition else []:
            if target.agent not in reached:
                reached.add(target.agent)
                frontier.append(target.agent)
    for place, agent in enumerate(draft.agents):
        if agent not in reached:
            detail = f"no handoff leads to the agent {agent}"
            yield FieldError(f"/agents/{place}", "unreachable_agent", detail)


def _present(draft: TemplateDraft, definitions: Definitions) -> Iterator[tuple[AgentId, AgentDefinition]]:
    for agent in draft.agents:
        if agent in definitions:
            yield agent, definitions[agent]
