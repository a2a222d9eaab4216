"""The catalogue of models holds together: with the defaults of an agent, and by itself."""

import pytest

from contracts.model_catalogue import Model, builtin_models
from contracts.pricing import load_price_book
from contracts.template_version import LlmChoice, SttChoice, VoiceChoice

pytestmark = pytest.mark.unit

every_model = pytest.mark.parametrize(
    "model", builtin_models().models, ids=lambda model: f"{model.provider}.{model.model}"
)


def test_what_an_agent_gets_unasked_is_in_the_catalogue_and_not_deprecated() -> None:
    models = builtin_models()
    defaults = [
        models.find("llm", LlmChoice().provider, LlmChoice().model),
        models.find("tts", VoiceChoice().provider, VoiceChoice().model),
        models.find("stt", SttChoice().provider, SttChoice().model),
    ]
    assert [one is not None and not one.deprecated for one in defaults] == [True, True, True]


@every_model
def test_a_model_is_counted_in_something_and_knows_a_language(model: Model) -> None:
    assert model.units
    assert len(model.units) == len(set(model.units))
    assert model.capabilities.languages


@every_model
def test_a_deprecated_model_names_one_of_its_kind_that_is_not(model: Model) -> None:
    if model.deprecated:
        after = builtin_models().find(model.kind, model.provider, model.replaced_by)
        assert after is not None
        assert not after.deprecated


@every_model
def test_every_unit_of_a_model_has_a_price(model: Model) -> None:
    assert {(model.provider, model.model, unit) for unit in model.units} <= load_price_book().prices.keys()


def test_no_model_stands_twice() -> None:
    names = [(model.kind, model.provider, model.model) for model in builtin_models().models]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("language", "known"), [("de", True), ("de-AT", True), ("multi", True), ("xx", False)])
def test_a_language_stands_for_its_regions(language: str, known: bool) -> None:
    stt = builtin_models().find("stt", "deepgram", "nova-3")
    assert stt is not None
    assert stt.speaks(language) == known
