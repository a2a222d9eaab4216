"""What an agent definition must be by itself, whatever template it stands in. Pointers go into the definition."""

import re
from collections.abc import Iterator

from chassis.errors import FieldError
from config.domain.handoff_rules import edge_errors
from config.domain.pointers import below, outside, pointer, repeated, too_many
from contracts.speech import MAX_SPEED, MIN_SPEED
from contracts.template_version import AgentDefinition, LlmChoice, LlmFallback

MAX_NAME = 100
MAX_TEXT = 32_000
MAX_LISTED = 50
MAX_KEYTERMS = 100
MAX_KNOWLEDGE = 100
MAX_TERM = 100
_LANGUAGE = re.compile(r"(multi|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*)\Z")


def own_errors(definition: AgentDefinition) -> Iterator[FieldError]:
    """Every mistake that shows in the definition alone."""
    yield from _texts(definition)
    yield from _handoffs(definition)
    for name in ("tools", "handoff_targets", "panels"):
        yield from too_many(f"/{name}", len(getattr(definition, name)), MAX_LISTED)
    yield from repeated("/tools", definition.tools)
    yield from repeated("/panels", list(definition.panels))
    documents = definition.knowledge if isinstance(definition.knowledge, list) else []
    yield from too_many("/knowledge", len(documents), MAX_KNOWLEDGE)
    yield from repeated("/knowledge", list(documents))
    yield from _llm(definition)
    yield from _languages(definition)
    yield from _speech(definition)
    yield from _vision(definition)
    for panel in definition.panel_attach or {}:
        if panel not in definition.panels:
            detail = f"panel_attach names {panel}, which is not a panel of this agent"
            yield FieldError(pointer("panel_attach", panel), "unknown_panel", detail)


def _texts(definition: AgentDefinition) -> Iterator[FieldError]:
    if not definition.name.strip() or len(definition.name) > MAX_NAME:
        yield FieldError("/name", "length", f"a name has 1 to {MAX_NAME} characters")
    if not 1 <= len(definition.instructions) <= MAX_TEXT:
        yield FieldError("/instructions", "length", f"instructions have 1 to {MAX_TEXT} characters")
    if len(definition.greeting) > MAX_TEXT:
        yield FieldError("/greeting", "length", f"a greeting has at most {MAX_TEXT} characters")


def _handoffs(definition: AgentDefinition) -> Iterator[FieldError]:
    for place, target in enumerate(definition.handoff_targets):
        yield from below(f"/handoff_targets/{place}", edge_errors(target))


def _llm(definition: AgentDefinition) -> Iterator[FieldError]:
    options: dict[str, LlmChoice | LlmFallback] = {"/llm": definition.llm}
    options |= {f"/llm/fallbacks/{place}": one for place, one in enumerate(definition.llm.fallbacks or ())}
    for where, given in options.items():
        if isinstance(given.temperature, int | float):
            yield from outside(f"{where}/temperature", given.temperature, 0, 2)
        if isinstance(given.top_p, int | float):
            yield from outside(f"{where}/top_p", given.top_p, 0, 1)
        if isinstance(given.max_output_tokens, int):
            yield from outside(f"{where}/max_output_tokens", given.max_output_tokens, 16, 32_768)


def _languages(definition: AgentDefinition) -> Iterator[FieldError]:
    named = {"/language": definition.language, "/stt/language": definition.stt.language if definition.stt else None}
    for where, language in named.items():
        if isinstance(language, str) and not _LANGUAGE.match(language):
            yield FieldError(where, "not_a_language", f"{language[:40]!r} is not a language tag such as en-US")


def _speech(definition: AgentDefinition) -> Iterator[FieldError]:
    if not (tuning := definition.speech):
        return
    if tuning.speed is not None:
        yield from outside("/speech/speed", tuning.speed, MIN_SPEED, MAX_SPEED)
    yield from too_many("/speech/keyterms", len(tuning.keyterms), MAX_KEYTERMS)
    yield from too_many("/speech/pronunciations", len(tuning.pronunciations), MAX_KEYTERMS)
    for place, term in enumerate(tuning.keyterms):
        if not term.strip() or len(term) > MAX_TERM:
            yield FieldError(f"/speech/keyterms/{place}", "length", f"a key term has 1 to {MAX_TERM} characters")
    for word, said in tuning.pronunciations.items():
        if not word.strip() or not said.strip() or max(len(word), len(said)) > MAX_TERM:
            detail = f"a word and its pronunciation have 1 to {MAX_TERM} characters each"
            yield FieldError(pointer("speech", "pronunciations", word), "length", detail)


def _vision(definition: AgentDefinition) -> Iterator[FieldError]:
    if not (policy := definition.vision):
        return
    if not definition.sees:
        yield FieldError("/vision", "no_source", "an agent of the modality audio sees nothing")
    yield from outside("/vision/per_turn", policy.per_turn, 1, 4)
    yield from outside("/vision/max_side", policy.max_side, 256, 2048, unit=" pixels")
    yield from outside("/vision/min_interval_s", policy.min_interval_s, 0, 60, unit=" s")
