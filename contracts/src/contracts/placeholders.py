"""Placeholders in instructions and greetings: ``{{user.name}}``, ``{{variables.topic}}``; ``\\{{`` is two plain braces.

Names are looked up, nothing is ever computed, and what a value holds is never read as a placeholder again.
"""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

_TOKEN = re.compile(r"\\\{\{|\{\{(?P<path>[^{}]{0,200})\}\}|\{\{")
_PATH = re.compile(r"\s*([A-Za-z_]\w*(?:\.[A-Za-z0-9_-]+)+)\s*\Z", re.ASCII)
_SHOWN = 60


class Mistake(NamedTuple):
    """A stable code, and the mistake in words."""

    code: str
    detail: str


Names = Collection[str]
"""Paths that may stand in a text; one that ends in ``.*`` allows any one name below it."""

Values = Mapping[str, object]
"""Values by their path, for example ``{"user.name": "Ada"}``."""


def mistakes(text: str, names: Names) -> list[Mistake]:
    """What is wrong with the placeholders of a text, in their order; an empty list for a text that renders."""
    found = []
    for token in _TOKEN.finditer(text):
        if token.group().startswith("\\"):
            continue
        path = _path(token)
        if path is None:
            shown = token.group()[:_SHOWN]
            found.append(Mistake("malformed_placeholder", f"{shown!r} is no placeholder: write {{{{area.name}}}}"))
        elif path not in names and f"{path.rpartition('.')[0]}.*" not in names:
            found.append(Mistake("unknown_placeholder", f"there is no {path} to put in"))
    return found


def render(text: str, values: Values) -> str:
    """The text with its placeholders filled in. Never raises: what has no value is empty, what is malformed stays."""

    def filled(token: re.Match[str]) -> str:
        if token.group().startswith("\\"):
            return "{{"
        path = _path(token)
        return token.group() if path is None else _written(values.get(path))

    return _TOKEN.sub(filled, text)


def _path(token: re.Match[str]) -> str | None:
    matched = _PATH.match(token["path"]) if token["path"] is not None else None
    return matched[1] if matched else None


def _written(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            return ""
