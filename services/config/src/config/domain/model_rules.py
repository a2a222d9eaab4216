"""The models that a template's agents choose, held against the catalogue. Pointers go into the set as published."""

from collections.abc import Iterator

from chassis.errors import FieldError
from contracts.ids import AgentId
from contracts.model_catalogue import Model, ModelCatalogue, ModelKind
from contracts.template_version import AgentDefinition, LlmChoice, SttChoice, TemplateDraft, VoiceChoice

Choice = LlmChoice | VoiceChoice | SttChoice
MULTILINGUAL = "multi"


def model_errors(
    draft: TemplateDraft, agent: AgentId, definition: AgentDefinition, models: ModelCatalogue
) -> Iterator[FieldError]:
    """Unknown models, and what an agent needs that its models lack."""
    where = f"/agents/{agent}"
    own_stt = bool(definition.stt)
    llm = models.find("llm", definition.llm.provider, definition.llm.model)
    yield from _unknown(f"{where}/llm/model", "llm", definition.llm, models)
    if llm is not None and definition.sees and not llm.capabilities.vision:
        yield FieldError(f"{where}/llm/model", "no_vision", f"{agent} is to see, and {llm.model} cannot")
    yield from _voice(where, draft, definition, models)
    if own_stt:
        yield from _unknown(f"{where}/stt/model", "stt", draft.transcribed_for(definition), models)
    yield from _hearing(where, draft, definition, models)


def template_model_errors(draft: TemplateDraft, models: ModelCatalogue) -> Iterator[FieldError]:
    """The same for the transcriber that all agents share."""
    yield from _unknown("/stt/model", "stt", draft.stt, models)
    found = models.find("stt", draft.stt.provider, draft.stt.model)
    if found is not None:
        yield from _lacking("/stt/language", found, draft.stt.language)


def warnings(draft: TemplateDraft, chosen: dict[AgentId, AgentDefinition], models: ModelCatalogue) -> list[FieldError]:
    """Deprecated models: they still publish."""
    found = list(_deprecated("/stt/model", "stt", draft.stt, models))
    for agent, definition in chosen.items():
        where = f"/agents/{agent}"
        found += _deprecated(f"{where}/llm/model", "llm", definition.llm, models)
        found += _deprecated(f"{where}/voice/model", "tts", definition.voice, models)
        if definition.stt:
            found += _deprecated(f"{where}/stt/model", "stt", definition.stt, models)
    return found


def _voice(
    where: str, draft: TemplateDraft, definition: AgentDefinition, models: ModelCatalogue
) -> Iterator[FieldError]:
    yield from _unknown(f"{where}/voice/model", "tts", definition.voice, models)
    voice = models.find("tts", definition.voice.provider, definition.voice.model)
    if voice is None:
        return
    language = draft.spoken_by(definition)
    if language != MULTILINGUAL:
        yield from _lacking(f"{where}/language" if definition.language else f"{where}/voice/model", voice, language)
    if definition.speech and definition.speech.speed is not None and not voice.capabilities.speed:
        yield FieldError(f"{where}/speech/speed", "not_offered", f"{voice.model} has one speed")


def _hearing(
    where: str, draft: TemplateDraft, definition: AgentDefinition, models: ModelCatalogue
) -> Iterator[FieldError]:
    choice = draft.transcribed_for(definition)
    stt = models.find("stt", choice.provider, choice.model)
    if stt is None:
        return
    if choice != draft.stt:
        yield from _lacking(
            f"{where}/language" if definition.language else f"{where}/stt/language", stt, choice.language
        )
    if definition.speech and definition.speech.keyterms and not stt.capabilities.keyterms:
        yield FieldError(f"{where}/speech/keyterms", "not_offered", f"{stt.model} takes no key terms")


def _unknown(where: str, kind: ModelKind, choice: Choice, models: ModelCatalogue) -> Iterator[FieldError]:
    if models.find(kind, choice.provider, choice.model) is None:
        yield FieldError(where, "unknown_model", f"{choice.provider} has no {kind} model {choice.model[:80]}")


def _lacking(where: str, model: Model, language: str) -> Iterator[FieldError]:
    if not model.speaks(language):
        yield FieldError(where, "language_not_offered", f"{model.model} does not know the language {language[:40]}")


def _deprecated(where: str, kind: ModelKind, choice: Choice, models: ModelCatalogue) -> list[FieldError]:
    found = models.find(kind, choice.provider, choice.model)
    if found is None or not found.deprecated:
        return []
    return [FieldError(where, "deprecated_model", f"{found.model} is deprecated: use {found.replaced_by}")]
