"""Models that stand in for others: each must be able to do what the first one is for, or is refused where it stands."""

from typing import Any

import msgspec
import pytest
from tests.config.domain.test_publishing import BLIND, MODELS

from config.domain.model_rules import warnings
from config.domain.publishing import InvalidTemplate, assemble
from contracts.ids import AgentId, TemplateId
from contracts.speech import SpeechTuning
from contracts.template_version import (
    AgentDefinition,
    LlmChoice,
    LlmFallback,
    SttChoice,
    SttFallback,
    TemplateDraft,
    TemplateVersion,
    VoiceChoice,
    VoiceFallback,
    encode_version,
)

pytestmark = pytest.mark.unit

AGENT = AgentId("host")
NOVA_2 = SttChoice(fallbacks=(SttFallback(model="nova-2"),))
SONIC_2 = VoiceChoice(fallbacks=(VoiceFallback(model="sonic-2"),))


def llm(*models: str, **more: Any) -> LlmChoice:
    return LlmChoice(fallbacks=tuple(LlmFallback(model=model, **more) for model in models))


def publish(draft: dict[str, Any] | None = None, **definition: Any) -> TemplateVersion:
    agents = {AGENT: AgentDefinition(name="Host", instructions="Help.", **definition)}
    written = TemplateDraft(name="Help", agents=[AGENT], initial_agent=AGENT, **(draft or {}))
    return assemble(TemplateId("tpl"), written, definitions=agents, kinds={}, models=MODELS)


def test_fallbacks_of_all_three_kinds_publish_in_their_order() -> None:
    version = publish({"stt": NOVA_2}, llm=llm("gpt-4o", "gpt-4.1"), voice=SONIC_2)
    decoded = msgspec.json.decode(encode_version(version)[1], type=TemplateVersion)
    definition = decoded.agent(AGENT)
    assert [one.model for one in definition.llm.in_order()] == ["gpt-4.1-mini", "gpt-4o", "gpt-4.1"]
    assert [one.model for one in definition.voice.in_order()] == ["sonic-3", "sonic-2"]
    assert [one.model for one in decoded.draft.transcribed_for(definition).in_order()] == ["nova-3", "nova-2"]


def test_what_a_fallback_leaves_out_is_as_in_the_first_choice() -> None:
    first = LlmChoice(
        temperature=0.2,
        top_p=0.9,
        fallbacks=(LlmFallback(model="gpt-4o", temperature=0.7), LlmFallback(model="gpt-4.1", temperature=None)),
    )
    assert [(one.temperature, one.top_p) for one in first.in_order()] == [(0.2, 0.9), (0.7, 0.9), (None, 0.9)]
    voice = VoiceChoice(voice="mine", fallbacks=(VoiceFallback(model="sonic-2"),))
    assert [one.voice for one in voice.in_order()] == ["mine", "mine"]
    german = TemplateDraft(name="Hilfe", agents=[AGENT], initial_agent=AGENT, stt=NOVA_2)
    heard = german.transcribed_for(AgentDefinition(name="Host", instructions="Hilf.", language="de"))
    assert [one.language for one in heard.in_order()] == ["de", "de"]


def test_a_definition_without_fallbacks_or_options_reads_as_it_did_before_there_were_any() -> None:
    bare = {"provider": "openai", "model": "gpt-4.1-mini", "temperature": None}
    assert msgspec.to_builtins(LlmChoice()) == bare
    assert not {"fallbacks"} & (set(msgspec.to_builtins(SttChoice())) | set(msgspec.to_builtins(VoiceChoice())))


HOST = "/agents/host"
MISTAKES: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "a fallback that nobody has": ({}, {"llm": llm("gpt-4o", "gpt-99")}, [("llm/fallbacks/1/model", "unknown_model")]),
    "a voice that nobody has": (
        {},
        {"voice": VoiceChoice(fallbacks=(VoiceFallback(model="sonic-99"),))},
        [("voice/fallbacks/0/model", "unknown_model")],
    ),
    "a transcriber that nobody has": (
        {"stt": SttChoice(fallbacks=(SttFallback(model="nova-99"),))},
        {},
        [("/stt/fallbacks/0/model", "unknown_model")],
    ),
    "an agent's own transcriber that nobody has": (
        {},
        {"stt": SttChoice(fallbacks=(SttFallback(model="nova-99"),))},
        [("stt/fallbacks/0/model", "unknown_model")],
    ),
    "a fallback that cannot see": (
        {"modality_profile": "tutoring_screen"},
        {"modality": "audio_screen", "llm": llm("blind")},
        [("llm/fallbacks/0/model", "no_vision")],
    ),
    "a fallback that does not speak the agent's language": (
        {"stt": SttChoice(language="cs")},
        {"language": "cs", "voice": SONIC_2},
        [("voice/fallbacks/0/model", "language_not_offered")],
    ),
    "a fallback that does not understand the template's language": (
        {"stt": SttChoice(model="nova-2", language="zh", fallbacks=(SttFallback(model="nova-3"),))},
        {},
        [("/stt/fallbacks/0/model", "language_not_offered")],
    ),
    "a fallback that takes no key terms": (
        {"stt": NOVA_2},
        {"speech": SpeechTuning(keyterms=["Baton"])},
        [("speech/keyterms", "not_offered")],
    ),
    "a fallback with one speed": (
        {},
        {"voice": SONIC_2, "speech": SpeechTuning(speed=1.2)},
        [("speech/speed", "not_offered")],
    ),
    "a fallback for itself": ({}, {"llm": llm("gpt-4.1-mini")}, [("llm/fallbacks/0", "repeated")]),
    "more fallbacks than there may be": (
        {},
        {"llm": llm("gpt-4.1", "gpt-4o", "gpt-4o-mini", "gpt-4.1-nano")},
        [("llm/fallbacks", "too_many")],
    ),
    "options beyond their bounds": (
        {},
        {"llm": LlmChoice(top_p=1.5, fallbacks=(LlmFallback(model="gpt-4o", temperature=3, max_output_tokens=1),))},
        [
            ("llm/top_p", "out_of_range"),
            ("llm/fallbacks/0/temperature", "out_of_range"),
            ("llm/fallbacks/0/max_output_tokens", "out_of_range"),
        ],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_named_with_its_place(name: str) -> None:
    draft, definition, expected = MISTAKES[name]
    with pytest.raises(InvalidTemplate) as refused:
        publish(draft, **definition)
    found = [(error.pointer, error.code) for error in refused.value.errors]
    assert found == [(where if where.startswith("/") else f"{HOST}/{where}", code) for where, code in expected]


def test_a_deprecated_fallback_publishes_with_a_warning() -> None:
    version = publish(llm=llm(BLIND.model), voice=SONIC_2)
    found = warnings(version.draft, {AGENT: version.agent(AGENT)}, MODELS)
    assert [error.pointer for error in found] == [f"{HOST}/llm/fallbacks/0/model", f"{HOST}/voice/fallbacks/0/model"]
