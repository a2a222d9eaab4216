"""Publishing names every mistake with a JSON Pointer, and the same set always has the same hash."""

import msgspec
import pytest

from config.domain.publishing import InvalidTemplate, assemble
from contracts.ids import AgentId, PanelId, TemplateId
from contracts.panels.registry import builtin
from contracts.template_version import (
    AgentDefinition,
    CorruptVersion,
    HandoffTarget,
    Limits,
    ModalityProfile,
    TemplateDraft,
    TemplateVersion,
    VersionHash,
    decode_version,
    encode_version,
)

pytestmark = pytest.mark.unit

TRIAGE, EXPERT = AgentId("triage"), AgentId("expert")


def a_draft(**changes: object) -> TemplateDraft:
    draft = TemplateDraft(name="Help", agents=[TRIAGE, EXPERT], initial_agent=TRIAGE, panels=[PanelId("notepad")])
    return msgspec.structs.replace(draft, **changes)


def definitions(**changes: AgentDefinition) -> dict[AgentId, AgentDefinition]:
    triage = AgentDefinition(name="Triage", instructions="Route.", handoff_targets=[HandoffTarget(agent=EXPERT)])
    expert = AgentDefinition(name="Expert", instructions="Solve.", panels=[PanelId("notepad")])
    return {TRIAGE: changes.get("triage", triage), EXPERT: changes.get("expert", expert)}


def publish(draft: TemplateDraft, agents: dict[AgentId, AgentDefinition]) -> TemplateVersion:
    kinds = {PanelId(name): kind for name, kind in builtin().items()}
    return assemble(TemplateId("tpl"), draft, definitions=agents, kinds=kinds)


def refused(draft: TemplateDraft, agents: dict[AgentId, AgentDefinition]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidTemplate) as caught:
        publish(draft, agents)
    return [(error.pointer, error.code) for error in caught.value.errors]


def test_a_sound_set_publishes_with_all_that_a_session_needs() -> None:
    version = publish(a_draft(), definitions())
    assert version.agent(EXPERT).name == "Expert"
    assert version.panel_kinds[PanelId("notepad")].kind == "notepad"


def test_the_same_set_has_the_same_hash_and_decodes_to_itself() -> None:
    first, content = encode_version(publish(a_draft(), definitions()))
    second, _ = encode_version(publish(a_draft(), definitions()))
    assert first == second
    assert decode_version(content, first) == publish(a_draft(), definitions())


def test_content_that_does_not_match_its_hash_is_refused() -> None:
    version, content = encode_version(publish(a_draft(), definitions()))
    with pytest.raises(CorruptVersion):
        decode_version(content + b" ", version)
    with pytest.raises(CorruptVersion):
        decode_version(content, VersionHash("0" * 64))


def a_definition(**changes: object) -> AgentDefinition:
    return msgspec.structs.replace(AgentDefinition(name="A", instructions="B"), **changes)


MISTAKES = {
    "an agent that does not exist": (
        a_draft(agents=[TRIAGE, EXPERT, AgentId("ghost")]),
        definitions(),
        [("/agents/2", "unknown_agent"), ("/agents/2", "unreachable_agent")],
    ),
    "an agent listed twice": (
        a_draft(agents=[TRIAGE, EXPERT, EXPERT]),
        definitions(),
        [("/agents/2", "repeated_agent")],
    ),
    "an initial agent outside the set": (
        a_draft(initial_agent=AgentId("other")),
        definitions(),
        [("/initial_agent", "unknown_agent"), ("/agents/0", "unreachable_agent"), ("/agents/1", "unreachable_agent")],
    ),
    "no agent at all": (
        a_draft(agents=[]),
        definitions(),
        [("/agents", "required"), ("/initial_agent", "unknown_agent")],
    ),
    "an agent that no handoff reaches": (
        a_draft(),
        definitions(triage=a_definition()),
        [("/agents/1", "unreachable_agent")],
    ),
    "an unknown handoff target": (
        a_draft(),
        definitions(expert=a_definition(handoff_targets=[HandoffTarget(agent=AgentId("nobody"))])),
        [("/agents/expert/handoff_targets/0/agent", "unknown_handoff_target")],
    ),
    "a handoff to oneself": (
        a_draft(),
        definitions(expert=a_definition(handoff_targets=[HandoffTarget(agent=EXPERT)])),
        [("/agents/expert/handoff_targets/0/agent", "self_handoff")],
    ),
    "an unknown tool": (
        a_draft(),
        definitions(expert=a_definition(tools=["fly"])),
        [("/agents/expert/tools/0", "unknown_tool")],
    ),
    "an unknown panel": (
        a_draft(panels=[PanelId("notepad"), PanelId("cinema")]),
        definitions(),
        [("/panels/1", "unknown_panel")],
    ),
    "a panel that the template does not enable": (
        a_draft(panels=[]),
        definitions(),
        [("/agents/expert/panels/0", "panel_not_enabled")],
    ),
    "a modality that is off": (
        a_draft(modality_profile=ModalityProfile(camera="on_request")),
        definitions(expert=a_definition(modality="audio_screen")),
        [("/agents/expert/modality", "modality_not_offered")],
    ),
    "a session longer than a rollout waits": (
        a_draft(limits=Limits(max_duration_s=3601)),
        definitions(),
        [("/limits/max_duration_s", "out_of_range")],
    ),
    "a limit of nothing": (
        a_draft(limits=Limits(grace_s=0)),
        definitions(),
        [("/limits/grace_s", "out_of_range")],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_named_with_its_place(name: str) -> None:
    draft, agents, expected = MISTAKES[name]
    assert refused(draft, agents) == expected
