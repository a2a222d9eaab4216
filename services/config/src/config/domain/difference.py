"""What differs between two versions of a template, by JSON Pointer."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from config.domain.pointers import pointer
from contracts.template_version import TemplateVersion


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One place. `before` is absent where it was added, `after` where it was removed."""

    pointer: str
    before: Any | UnsetType = UNSET
    after: Any | UnsetType = UNSET


def difference(before: TemplateVersion, after: TemplateVersion) -> list[Change]:
    """Every place that differs, in the order of the pointers. Agents are told by their ids, other lists by place."""
    return changes(_shown(before), _shown(after))


def changes(before: Any, after: Any) -> list[Change]:
    """Every place where two JSON values differ."""
    return list(_changes((), before, after))


def _shown(version: TemplateVersion) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(version)
    shown["agents"] = {agent["id"]: agent["definition"] for agent in shown["agents"]}
    return shown


def _changes(where: tuple[object, ...], before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, list) and isinstance(after, list):
        before, after = dict(enumerate(before)), dict(enumerate(after))
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _changes((*where, name), before.get(name, UNSET), after.get(name, UNSET))
    elif type(before) is not type(after) or before != after:
        yield Change(pointer=pointer(*where), before=before, after=after)
