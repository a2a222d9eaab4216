"""Assembling a template version from a draft and its agents; every mistake is named with a JSON Pointer.

Pointers go into the set as the customer sees it: ``/initial_agent``, ``/agents/<id>/handoff_targets/0/agent`` …
"""

from collections.abc import Iterator

from msgspec import UNSET

from chassis.errors import FieldError, InvalidInput
from config.domain.agent_rules import own_errors
from config.domain.draft_rules import Definitions, Kinds, draft_errors
from config.domain.handoff_rules import guard_errors
from config.domain.knowledge_rules import Documents, knowledge_errors
from config.domain.model_rules import model_errors, template_model_errors
from config.domain.named_tools import (
    Servers,
    Tools,
    custom_tools_named,
    named_tool_errors,
    present,
    servers_named,
)
from config.domain.pointers import below
from config.domain.text_rules import placeholder_errors
from contracts.ids import AgentId, TemplateId
from contracts.model_catalogue import ModelCatalogue
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
    tools: Tools | None = None,
    servers: Servers | None = None,
    documents: Documents | None = None,
) -> TemplateVersion:
    """The whole set; `definitions` holds those agents of the draft that exist, `tools` the customer's own tools.

    `servers` are its MCP servers, each with all of its tools that may be published; `documents` those that agents name.
    Raises InvalidTemplate.
    """
    tools, servers = tools or {}, servers or {}
    errors = [
        *draft_errors(draft, definitions, kinds),
        *template_model_errors(draft, models),
        *_agent_errors(draft, definitions, models),
        *named_tool_errors(draft, definitions, kinds, tools, servers),
        *knowledge_errors(draft, definitions, documents or {}),
        *_unreachable(draft, definitions),
    ]
    if errors:
        raise InvalidTemplate("; ".join(error.detail for error in errors[:3]), errors=errors)
    return TemplateVersion(
        template_id=template,
        draft=draft,
        agents=[VersionAgent(id=agent, definition=definitions[agent]) for agent in draft.agents],
        panel_kinds={panel: kinds[panel] for panel in draft.panels},
        tools=custom_tools_named(draft, definitions, tools) or UNSET,
        mcp_servers=servers_named(draft, definitions, servers) or UNSET,
    )


def _agent_errors(draft: TemplateDraft, definitions: Definitions, models: ModelCatalogue) -> Iterator[FieldError]:
    for agent, definition in present(draft, definitions):
        where = f"/agents/{agent}"
        yield from below(where, own_errors(definition))
        yield from below(where, placeholder_errors(draft, definition))
        yield from model_errors(draft, agent, definition, models)
        for place, target in enumerate(definition.handoff_targets):
            if target.agent not in draft.agents:
                detail = f"{agent} hands off to {target.agent}, which is not an agent of this template"
                yield FieldError(f"{where}/handoff_targets/{place}/agent", "unknown_handoff_target", detail)
            yield from below(f"{where}/handoff_targets/{place}", guard_errors(draft, target))
            if target.agent == agent:
                detail = f"{agent} hands off to itself"
                yield FieldError(f"{where}/handoff_targets/{place}/agent", "self_handoff", detail)
        for place, panel in enumerate(definition.panels):
            if panel not in draft.panels:
                detail = f"{agent} uses the panel {panel}, which the template does not enable"
                yield FieldError(f"{where}/panels/{place}", "panel_not_enabled", detail)
        yield from _modality_errors(where, agent, definition, draft)


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
