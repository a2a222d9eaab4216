"""Settings: one frozen Struct per service, read once from the environment, then passed in.

Nothing reads the environment later. A field `nats_url` of the Struct is the variable `BATON_NATS_URL`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

PREFIX = "BATON_"

S = TypeVar("S", bound=msgspec.Struct)


class BadSettings(Exception):
    """A setting is missing or wrong; the message names the variable, never its value."""

    code = "bad_settings"


def load(settings: type[S], environment: Mapping[str, str]) -> S:
    """Read `settings` from the environment; raises BadSettings naming every missing variable or the wrong one.

    ``BATON_X_FILE`` gives the path of a file whose stripped content is the value of ``BATON_X`` (mounted secrets).
    """
    found: dict[str, Any] = {}
    missing: list[str] = []
    for field in msgspec.structs.fields(settings):
        variable = PREFIX + field.name.upper()
        value = _value(variable, environment)
        if value is not None:
            found[field.name] = value
        elif field.required:
            missing.append(variable)
    if missing:
        raise BadSettings(f"missing settings: {', '.join(missing)}")
    try:
        return msgspec.convert(found, settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise BadSettings(_name_variable(str(error))) from None


def _value(variable: str, environment: Mapping[str, str]) -> str | None:
    if variable in environment:
        return environment[variable]
    path = environment.get(variable + "_FILE")
    try:
        return Path(path).read_text().strip() if path else None
    except OSError as error:
        raise BadSettings(f"{variable}_FILE: {path} cannot be read: {error.strerror}") from None


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)


def _name_variable(message: str) -> str:
    """Turn msgspec's "… - at `$.field`" into the variable's name, without the value."""
    text, _, where = message.partition(" - at `$.")
    name = where.split("`")[0].upper()
    return f"{PREFIX}{name}: {text}" if name else text
