"""/api/models"""

import msgspec
from litestar import get

from contracts.model_catalogue import Model, builtin_models


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """All models that agents and templates may choose; there is one page."""

    data: list[Model]
    next_cursor: str | None = None


@get("/api/models", opt={"scope": "agents:read"}, sync_to_thread=False)
def list_models() -> ModelList:
    """The catalogue of models: what each is for, what it can do, in which units it is counted."""
    return ModelList(data=builtin_models().models)


ROUTES = [list_models]
