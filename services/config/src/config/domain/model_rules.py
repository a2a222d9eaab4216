"""The models that a template's agents choose, held against the catalogue. Pointers go into the set as published."""

from collections.abc import Iterator, Sequence

from chassis.errors import FieldError
from config.domain.pointers import too_many
from contracts.ids import AgentId
from contracts.model_catalogue import Model, ModelCatalogue, ModelKind
from contracts.template_version import AgentDefinition, LlmChoice, SttChoice, TemplateDraft, VoiceChoice

Choice = LlmChoice | VoiceChoice | SttChoice
MULTILINGUAL = "multi"
MAX_FALLBACKS = 3


def model_errors(
    draft: TemplateDraft, agent: AgentId, definition: AgentDefinition, models: ModelCatalogue
) -> Iterator[FieldError]:
    """Unknown models, and what an agent needs that its models lack; a fallback must be able to do the same."""
    where = f"/agents/{agent}"
    yield from _known(f"{where}/llm", "llm", definition.llm, models)
    for at, llm in _found(f"{where}/llm", "llm", definition.llm, models):
        if definition.sees and not llm.capabilities.vision:
            yield FieldError(f"{at}/model", "no_vision", f"{agent} is to see, and {llm.model} cannot")
    yield from _known(f"{where}/voice", "tts", definition.voice, models)
    yield from _speaking(where, draft, definition, models)
    if definition.stt:
        yield from _known(f"{where}/stt", "stt", definition.stt, models)
    yield from _hearing(where, draft, definition, models)


def template_model_errors(draft: TemplateDraft, models: ModelCatalogue) -> Iterator[FieldError]:
    """The same for the transcriber that all agents share."""
    yield from _known("/stt", "stt", draft.stt, models)
    for at, found in _found("/stt", "stt", draft.stt, models):
        yield from _lacking("/stt/language" if at == "/stt" else f"{at}/model", found, draft.stt.language)


def warnings(draft: TemplateDraft, chosen: dict[AgentId, AgentDefinition], models: ModelCatalogue) -> list[FieldError]:
    """Deprecated models: they still publish."""
    found = list(_deprecated("/stt", "stt", draft.stt, models))
    for agent, definition in chosen.items():
        where = f"/agents/{agent}"
        found += _deprecated(f"{where}/llm", "llm", definition.llm, models)
        found += _deprecated(f"{where}/voice", "tts", definition.voice, models)
        if definition.stt:
            found += _deprecated(f"{where}/stt", "stt", definition.stt, models)
    return found


def _speaking(
    where: str, draft: TemplateDraft, definition: AgentDefinition, models: ModelCatalogue
) -> Iterator[FieldError]:
    language, tuning = draft.spoken_by(definition), definition.speech
    for at, voice in _found(f"{where}/voice", "tts", definition.voice, models):
        if language != MULTILINGUAL:
            first = at.endswith("/voice") and definition.language
            yield from _lacking(f"{where}/language" if first else f"{at}/model", voice, language)
        if tuning and tuning.speed is not None and not voice.capabilities.speed:
            yield FieldError(f"{where}/speech/speed", "not_offered", f"{voice.model} has one speed")


def _hearing(
    where: str, draft: TemplateDraft, definition: AgentDefinition, models: ModelCatalogue
) -> Iterator[FieldError]:
    choice, tuning = draft.transcribed_for(definition), definition.speech
    for at, stt in _found(f"{where}/stt", "stt", choice, models):
        if choice != draft.stt:
            own = f"{where}/stt/language" if at.endswith("/stt") else f"{at}/model"
            yield from _lacking(f"{where}/language" if definition.language else own, stt, choice.language)
        if tuning and tuning.keyterms and not stt.capabilities.keyterms:
            yield FieldError(f"{where}/speech/keyterms", "not_offered", f"{stt.model} takes no key terms")


def _in_order(where: str, choice: Choice) -> Iterator[tuple[str, Choice]]:
    """The choice and each of its fallbacks, with the place where each is written."""
    choices: Sequence[Choice] = choice.in_order()
    for place, one in enumerate(choices):
        yield (f"{where}/fallbacks/{place - 1}" if place else where), one


def _found(where: str, kind: ModelKind, choice: Choice, models: ModelCatalogue) -> Iterator[tuple[str, Model]]:
    """Those that the catalogue has."""
    for at, one in _in_order(where, choice):
        if (model := models.find(kind, one.provider, one.model)) is not None:
            yield at, model


def _known(where: str, kind: ModelKind, choice: Choice, models: ModelCatalogue) -> Iterator[FieldError]:
    yield from too_many(f"{where}/fallbacks", len(choice.fallbacks or ()), MAX_FALLBACKS)
    seen: list[Choice] = []
    for at, one in _in_order(where, choice):
        if models.find(kind, one.provider, one.model) is None:
            yield FieldError(f"{at}/model", "unknown_model", f"{one.provider} has no {kind} model {one.model[:80]}")
        if one in seen:
            yield FieldError(at, "repeated", f"{one.model[:80]} would stand in for itself")
        seen.append(one)


def _lacking(where: str, model: Model, language: str) -> Iterator[FieldError]:
    if not model.speaks(language):
        yield FieldError(where, "language_not_offered", f"{model.model} does not know the language {language[:40]}")


def _deprecated(where: str, kind: ModelKind, choice: Choice, models: ModelCatalogue) -> Iterator[FieldError]:
    for at, model in _found(where, kind, choice, models):
        if model.deprecated:
            detail = f"{model.model} is deprecated: use {model.replaced_by}"
            yield FieldError(f"{at}/model", "deprecated_model", detail)
