"""Assembling a template version from a draft and its agents; every mistake is named with a JSON Pointer.

Pointers go into the set as the customer sees it: ``/initial_agent``, ``/agents/<id>/handoff_targets/0/agent`` …
"""

from collections.abc import Iterator, Mapping

from chassis.errors import FieldError, InvalidInput
from contracts.builtin_tools import BUILTIN_TOOLS
from contracts.ids import AgentId, PanelId, TemplateId
from contracts.panels.kind import PanelKind
from contracts.template_version import MAX_DURATION_S, AgentDefinition, TemplateDraft, TemplateVersion, VersionAgent

Definitions = Mapping[AgentId, AgentDefinition]
Kinds = Mapping[PanelId, PanelKind]


class InvalidTemplate(InvalidInput):
    """The set does not hold together."""

    code, title = "invalid_template", "The template cannot be published"


def assemble(template: TemplateId, draft: TemplateDraft, *, definitions: Definitions, kinds: Kinds) -> TemplateVersion:
    """The whole set; `definitions` holds those agents of the draft that exist. Raises InvalidTemplate."""
    errors = [
        *_draft_errors(draft, definitions, kinds),
        *_agent_errors(draft, definitions),
        *_unreachable(draft, definitions),
    ]
    if errors:
        raise InvalidTemplate("; ".join(error.detail for error in errors[:3]), errors=errors)
    return TemplateVersion(
        template_id=template,
        draft=draft,
        agents=[VersionAgent(id=agent, definition=definitions[agent]) for agent in draft.agents],
        panel_kinds={panel: kinds[panel] for panel in draft.panels},
    )


def _draft_errors(draft: TemplateDraft, definitions: Definitions, kinds: Kinds) -> Iterator[FieldError]:
    if not draft.agents:
        yield FieldError("/agents", "required", "a template has at least one agent")
    for place, agent in enumerate(draft.agents):
        if agent not in definitions:
            yield FieldError(f"/agents/{place}", "unknown_agent", f"there is no agent {agent}")
        if agent in draft.agents[:place]:
            yield FieldError(f"/agents/{place}", "repeated_agent", f"the agent {agent} is listed twice")
    if draft.initial_agent not in draft.agents:
        yield FieldError("/initial_agent", "unknown_agent", f"{draft.initial_agent} is not an agent of this template")
    for place, panel in enumerate(draft.panels):
        if panel not in kinds:
            yield FieldError(f"/panels/{place}", "unknown_panel", f"there is no panel kind {panel}")
    limits = draft.limits
    for name in limits.__struct_fields__:
        if getattr(limits, name) <= 0:
            yield FieldError(f"/limits/{name}", "out_of_range", f"{name} is more than 0")
    if limits.max_duration_s > MAX_DURATION_S:
        yield FieldError("/limits/max_duration_s", "out_of_range", f"a session lasts at most {MAX_DURATION_S} s")


def _agent_errors(draft: TemplateDraft, definitions: Definitions) -> Iterator[FieldError]:
    for agent, definition in _present(draft, definitions):
        where = f"/agents/{agent}"
        for place, target in enumerate(definition.handoff_targets):
            if target.agent not in draft.agents:
                detail = f"{agent} hands off to {target.agent}, which is not an agent of this template"
                yield FieldError(f"{where}/handoff_targets/{place}/agent", "unknown_handoff_target", detail)
            if target.agent == agent:
                detail = f"{agent} hands off to itself"
                yield FieldError(f"{where}/handoff_targets/{place}/agent", "self_handoff", detail)
        for place, tool in enumerate(definition.tools):
            if tool not in BUILTIN_TOOLS:
                yield FieldError(f"{where}/tools/{place}", "unknown_tool", f"there is no tool {tool}")
        for place, panel in enumerate(definition.panels):
            if panel not in draft.panels:
                detail = f"{agent} uses the panel {panel}, which the template does not enable"
                yield FieldError(f"{where}/panels/{place}", "panel_not_enabled", detail)
        yield from _modality_errors(where, agent, definition, draft)


def _modality_errors(
    where: str, agent: AgentId, definition: AgentDefinition, draft: TemplateDraft
) -> Iterator[FieldError]:
    needed = {"audio": None, "audio_camera": "camera", "audio_screen": "screen"}[definition.modality]
    if needed and getattr(draft.modality_profile, needed) == "off":
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
