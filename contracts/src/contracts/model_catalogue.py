"""The models that Baton can reach, in one declarative file: what each is for, what it can do, how it is counted.

Publishing holds a template against it. The price book prices the same units (tests hold the two together).
"""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

ModelKind = Literal["llm", "stt", "tts", "embedding"]


class Capabilities(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`languages` are BCP 47 tags, of which `de` stands for `de-AT` too; ``*`` is every language.

    `keyterms` and `speed` say whether the model takes what an agent's speech tuning asks for.
    """

    languages: list[str]
    vision: bool = False
    keyterms: bool = False
    speed: bool = False


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model. `replaced_by` is given where it is deprecated."""

    kind: ModelKind
    provider: str
    model: str
    units: list[str]
    capabilities: Capabilities
    deprecated: bool = False
    replaced_by: str = ""

    def speaks(self, language: str) -> bool:
        """Whether the model knows a language, given as a tag such as `de-AT`."""
        known = self.capabilities.languages
        return "*" in known or language in known or language.partition("-")[0] in known


class ModelCatalogue:
    """Models by kind, provider and name."""

    def __init__(self, models: Iterable[Model]) -> None:
        self.models = list(models)
        self._by_name = {(model.kind, model.provider, model.model): model for model in self.models}

    def find(self, kind: ModelKind, provider: str, model: str) -> Model | None:
        """The model, or None where there is no such model of that kind."""
        return self._by_name.get((kind, provider, model))


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: list[Model]


@cache
def builtin_models() -> ModelCatalogue:
    """The catalogue of this release."""
    content = (files("contracts") / "models.json").read_bytes()
    return ModelCatalogue(msgspec.json.decode(content, type=_File).models)
