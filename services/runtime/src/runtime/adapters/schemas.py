"""JSON Schema (2020-12) for tool arguments and panels. A complaint names the place and the rule, never the value."""

from collections.abc import Mapping
from functools import lru_cache

import jsonschema
import msgspec

from contracts.panels.kind import Schema


def complaint(schema: Schema, value: Mapping[str, object]) -> str | None:
    """What is wrong with `value`, in one line fit for a model to read; None when it satisfies the schema."""
    error = next(iter(_validator(msgspec.json.encode(schema)).iter_errors(value)), None)
    if error is None:
        return None
    where = "".join(f"/{part}" for part in error.absolute_path) or "/"
    return f"{where}: {_rule(str(error.validator), error.validator_value)}"


def _rule(keyword: str, wanted: object) -> str:
    match keyword, wanted:
        case "required", list():
            return f"required are {', '.join(map(str, wanted))}"
        case "additionalProperties", _:
            return "holds a member that is not allowed"
        case "type" | "enum" | "minimum" | "maximum" | "maxLength" | "minLength" | "maxItems" | "minItems", _:
            return f"{keyword} must be {wanted}"
        case _:
            return f"breaks the rule {keyword}"


@lru_cache(maxsize=512)
def _validator(schema: bytes) -> "jsonschema.Draft202012Validator":
    return jsonschema.Draft202012Validator(msgspec.json.decode(schema))
