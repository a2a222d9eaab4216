"""Publishing names every mistake with a JSON Pointer, and the same set always has the same hash."""

import msgspec
import pytest

from config.domain.model_rules import warnings
from config.domain.publishing import InvalidTemplate, assemble
from contracts.conditions import Condition
from contracts.ids import AgentId, PanelId, TemplateId
from contracts.modality import PRESETS
from contracts.model_catalogue import Capabilities, Model, ModelCatalogue, builtin_models
from contracts.panels.registry import builtin
from contracts.speech import SpeechTuning, VisionPolicy
from contracts.template_version import (
    AgentDefinition,
    CorruptVersion,
    HandoffTarget,
    Limits,
    LlmChoice,
    ModalityProfile,
    SttChoice,
    TemplateDraft,
    TemplateVersion,
    VersionHash,
    VoiceChoice,
    decode_version,
    encode_version,
)
from contracts.variables import Declaration

pytestmark = pytest.mark.unit

BLIND = Model(
    kind="llm",
    provider="openai",
    model="blind",
    units=["calls"],
    capabilities=Capabilities(languages=["*"]),
    deprecated=True,
    replaced_by="gpt-4.1",
)
MODELS = ModelCatalogue([*builtin_models().models, BLIND])
TRIAGE, EXPERT = AgentId("triage"), AgentId("expert")


def a_draft(**changes: object) -> TemplateDraft:
    draft = TemplateDraft(name="Help", agents=[TRIAGE, EXPERT], initial_agent=TRIAGE, panels=[PanelId("notepad")])
    return msgspec.structs.replace(draft, **changes)


def definitions(**changes: AgentDefinition) -> dict[AgentId, AgentDefinition]:
    triage = AgentDefinition(name="Triage", instructions="Route.", handoff_targets=[HandoffTarget(agent=EXPERT)])
    expert = AgentDefinition(name="Expert", instructions="Solve.", panels=[PanelId("notepad")])
    return {TRIAGE: changes.get("triage", triage), EXPERT: changes.get("expert", expert)}


def test_an_edge_with_arguments_a_guard_and_a_summary_publishes() -> None:
    schema = {
        "type": "object",
        "properties": {"topic": {"$ref": "#/$defs/topic"}},
        "required": ["topic"],
        "additionalProperties": False,
        "$defs": {"topic": {"type": "string", "maxLength": 40}},
    }
    declared = {"verified": Declaration(type="boolean")}
    guard = a_guard(any=[{"flag": "verified", "equals": True}, {"preference": "language", "equals": "de"}])
    version = publish(a_draft(flags=declared), an_edge(policy="summary", last_n=4, arguments=schema, guard=guard))
    assert version.agent(TRIAGE).handoff_targets[0].guard == guard


def test_two_panels_of_an_agent_whose_tools_have_one_name_are_refused() -> None:
    notepad = builtin()["notepad"]
    kinds = {PanelId(name): msgspec.structs.replace(notepad, kind=name, url="https://x.example.com/") for name in "ab"}
    expert = a_definition(panels=list(kinds))
    with pytest.raises(InvalidTemplate) as caught:
        assemble(
            TemplateId("tpl"),
            a_draft(panels=list(kinds)),
            definitions=definitions(expert=expert),
            kinds=kinds,
            models=MODELS,
        )
    assert [(one.pointer, one.code) for one in caught.value.errors] == [("/agents/expert/panels", "tool_name_taken")]


def publish(draft: TemplateDraft, agents: dict[AgentId, AgentDefinition]) -> TemplateVersion:
    kinds = {PanelId(name): kind for name, kind in builtin().items()}
    return assemble(TemplateId("tpl"), draft, definitions=agents, kinds=kinds, models=MODELS)


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


def a_crowd(numbers: range) -> list[HandoffTarget]:
    return [HandoffTarget(agent=AgentId(f"a{number}")) for number in numbers]


def the_crowd(numbers: range) -> dict[AgentId, AgentDefinition]:
    return {AgentId(f"a{number}"): a_definition() for number in numbers}


def an_edge(**changes: object) -> dict[AgentId, AgentDefinition]:
    edge = msgspec.structs.replace(HandoffTarget(agent=EXPERT), **changes)
    return definitions(triage=a_definition(handoff_targets=[edge]))


def a_guard(**content: object) -> Condition:
    return msgspec.convert(content, Condition)


MISTAKES = {
    "a guard on a flag that nobody declared": (
        a_draft(),
        an_edge(guard=a_guard(all=[{"flag": "verified", "equals": True}])),
        [("/agents/triage/handoff_targets/0/guard/all/0/flag", "unknown_flag")],
    ),
    "a guard that compares a variable with another type": (
        a_draft(variables={"plan": Declaration()}),
        an_edge(guard=a_guard(**{"not": {"variable": "plan", "equals": 1}})),
        [("/agents/triage/handoff_targets/0/guard/not/equals", "wrong_type")],
    ),
    "a guard that says nothing": (
        a_draft(),
        an_edge(guard=a_guard(any=[])),
        [("/agents/triage/handoff_targets/0/guard", "not_a_condition")],
    ),
    "arguments that are no schema": (
        a_draft(),
        an_edge(arguments={"type": "object", "properties": {"topic": {"type": "text"}}}),
        [("/agents/triage/handoff_targets/0/arguments/properties/topic/type", "not_a_schema")],
    ),
    "arguments with a reason of their own": (
        a_draft(),
        an_edge(arguments={"type": "object", "properties": {"reason": {"type": "string"}}}),
        [("/agents/triage/handoff_targets/0/arguments/properties/reason", "taken")],
    ),
    "arguments of which only some go together": (
        a_draft(),
        an_edge(arguments={"type": "object", "maxProperties": 1}),
        [("/agents/triage/handoff_targets/0/arguments/maxProperties", "not_offered")],
    ),
    "flags to set where there are none": (
        a_draft(),
        definitions(expert=a_definition(tools=["set_flag"])),
        [("/agents/expert/tools/0", "no_flags")],
    ),
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
    "a template without a name": (a_draft(name=" "), definitions(), [("/name", "length")]),
    "more agents than a template holds": (
        a_draft(agents=[TRIAGE, *(AgentId(f"a{number}") for number in range(50))]),
        {TRIAGE: a_definition(handoff_targets=a_crowd(range(50))), **the_crowd(range(50))},
        [("/agents", "too_many")],
    ),
    "a panel enabled twice": (
        a_draft(panels=[PanelId("notepad"), PanelId("notepad")]),
        definitions(),
        [("/panels/1", "repeated")],
    ),
    "a variable whose default has another type": (
        a_draft(variables={"level": Declaration(type="integer", default="high")}),
        definitions(),
        [("/variables/level/default", "wrong_type")],
    ),
    "a flag with a name that no placeholder can hold": (
        a_draft(flags={"a/b c": Declaration(type="boolean")}),
        definitions(),
        [("/flags/a~1b c", "bad_name")],
    ),
    "a placeholder for something that nobody declared": (
        a_draft(variables={"topic": Declaration()}),
        definitions(expert=a_definition(instructions="Teach {{variables.topic}} and {{variables.tone}}.")),
        [("/agents/expert/instructions", "unknown_placeholder")],
    ),
    "a placeholder that is none": (
        a_draft(),
        definitions(expert=a_definition(greeting="Hello {{user.name")),
        [("/agents/expert/greeting", "malformed_placeholder")],
    ),
    "a temperature out of bounds": (
        a_draft(),
        definitions(expert=a_definition(llm=LlmChoice(temperature=2.5))),
        [("/agents/expert/llm/temperature", "out_of_range")],
    ),
    "an answer of no tokens": (
        a_draft(),
        definitions(expert=a_definition(llm=LlmChoice(max_output_tokens=0))),
        [("/agents/expert/llm/max_output_tokens", "out_of_range")],
    ),
    "a speed that nobody can follow": (
        a_draft(),
        definitions(expert=a_definition(speech=SpeechTuning(speed=9))),
        [("/agents/expert/speech/speed", "out_of_range")],
    ),
    "a vision policy for an agent that sees nothing": (
        a_draft(),
        definitions(expert=a_definition(vision=VisionPolicy())),
        [("/agents/expert/vision", "no_source")],
    ),
    "a frame larger than any model takes": (
        a_draft(modality_profile="it_support_screen"),
        definitions(expert=a_definition(modality="audio_screen", vision=VisionPolicy(max_side=9000))),
        [("/agents/expert/vision/max_side", "out_of_range")],
    ),
    "a panel to attach that the agent does not use": (
        a_draft(),
        definitions(expert=a_definition(panel_attach={PanelId("notepad"): "always"})),
        [("/agents/expert/panel_attach/notepad", "unknown_panel")],
    ),
    "a model that nobody has": (
        a_draft(),
        definitions(expert=a_definition(llm=LlmChoice(model="gpt-99"))),
        [("/agents/expert/llm/model", "unknown_model")],
    ),
    "a vision agent on a model without vision": (
        a_draft(modality_profile="tutoring_screen"),
        definitions(expert=a_definition(modality="audio_screen", llm=LlmChoice(model="blind"))),
        [("/agents/expert/llm/model", "no_vision")],
    ),
    "a transcriber that nobody has": (
        a_draft(stt=SttChoice(model="nova-99")),
        definitions(),
        [("/stt/model", "unknown_model")],
    ),
    "a language that the voice lacks": (
        a_draft(),
        definitions(expert=a_definition(language="ca")),
        [("/agents/expert/language", "language_not_offered")],
    ),
    "a language that the transcriber lacks": (
        a_draft(stt=SttChoice(language="ta")),
        definitions(),
        [("/stt/language", "language_not_offered")],
    ),
    "a language that is none": (
        a_draft(),
        definitions(expert=a_definition(language="English", voice=VoiceChoice(model="sonic-99"))),
        [
            ("/agents/expert/language", "not_a_language"),
            ("/agents/expert/voice/model", "unknown_model"),
            ("/agents/expert/language", "language_not_offered"),
        ],
    ),
    "key terms for a transcriber that takes none": (
        a_draft(),
        definitions(expert=a_definition(stt=SttChoice(model="nova-2"), speech=SpeechTuning(keyterms=["Baton"]))),
        [("/agents/expert/speech/keyterms", "not_offered")],
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


def test_there_are_nine_presets_and_each_can_be_named_in_a_draft() -> None:
    assert len(PRESETS) == 9
    for name, profile in PRESETS.items():
        draft = msgspec.convert({**msgspec.to_builtins(a_draft()), "modality_profile": name}, TemplateDraft)
        assert publish(draft, definitions()).draft.profile == profile


def test_an_unknown_preset_is_no_draft() -> None:
    with pytest.raises(msgspec.ValidationError, match="modality_profile"):
        msgspec.convert({**msgspec.to_builtins(a_draft()), "modality_profile": "party"}, TemplateDraft)


def test_what_a_definition_leaves_out_stays_out_of_the_version() -> None:
    _, content = encode_version(publish(a_draft(), definitions()))
    assert not {b"speech", b"vision", b"panel_attach", b"variables", b"max_output_tokens"} & set(content.split(b'"'))


def test_everything_that_can_be_said_publishes() -> None:
    expert = a_definition(
        instructions="Teach {{variables.topic}} to {{user.name}} in session {{session.id}}; {{flags.level}}.",
        greeting="Hello {{user.preferences.title}} {{user.name}}.",
        modality="audio_screen",
        language="de-AT",
        llm=LlmChoice(temperature=0.2, max_output_tokens=500),
        speech=SpeechTuning(keyterms=["Baton"], pronunciations={"SQL": "sequel"}, speed=1.1),
        vision=VisionPolicy(per_turn=1, detail="high", max_side=768, min_interval_s=2),
        panels=[PanelId("notepad")],
        panel_attach={PanelId("notepad"): "on_change"},
    )
    declared = {"topic": Declaration(default="loops")}
    flags = {"level": Declaration(type="integer", default=1)}
    draft = a_draft(modality_profile="tutoring_screen", variables=declared, flags=flags)
    version, content = encode_version(publish(draft, definitions(expert=expert)))
    assert decode_version(content, version).agent(EXPERT) == expert


def test_agents_share_a_transcriber_unless_they_say_otherwise() -> None:
    draft = a_draft()
    assert draft.transcribed_for(a_definition()) == draft.stt
    assert draft.transcribed_for(a_definition(language="de")) == SttChoice(language="de")
    own = SttChoice(model="nova-2", language="fr")
    assert draft.transcribed_for(a_definition(stt=own)) == own
    assert draft.spoken_by(a_definition(stt=own)) == "fr"


def test_a_deprecated_model_publishes_with_a_warning() -> None:
    expert = a_definition(voice=VoiceChoice(model="sonic-2"), llm=LlmChoice(model="blind"))
    chosen = definitions(expert=expert)
    publish(a_draft(), chosen)
    found = warnings(a_draft(), chosen, MODELS)
    assert [(one.pointer, one.code) for one in found] == [
        ("/agents/expert/llm/model", "deprecated_model"),
        ("/agents/expert/voice/model", "deprecated_model"),
    ]


def test_a_transcriber_listens_for_what_all_who_share_it_want() -> None:
    chosen = definitions(
        triage=a_definition(
            speech=SpeechTuning(keyterms=["Baton", "Ada"]), handoff_targets=[HandoffTarget(agent=EXPERT)]
        ),
        expert=a_definition(speech=SpeechTuning(keyterms=["Ada", "Lin"])),
    )
    version = publish(a_draft(), chosen)
    assert version.keyterms_for(version.draft.stt) == ["Baton", "Ada", "Lin"]
    assert version.keyterms_for(SttChoice(language="de")) == []
