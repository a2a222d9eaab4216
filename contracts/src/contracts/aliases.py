"""Aliases of a template's versions: ``tutoring@prod``. One may point at two versions, each with its share of sessions.

Which of them a session gets is a function of its id alone: any reader of the log can check it, and a session that has
begun keeps its version whatever happens to the alias.
"""

import hashlib
import re
from collections.abc import Sequence

import msgspec

from contracts.ids import SessionId, TemplateId, VersionHash, check_id

ALL = 100
"""What the weights of an alias add up to."""

ALIAS_PATTERN = "^[a-z][a-z0-9_-]{0,31}$"
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")


class InvalidAlias(ValueError):
    """A text that no alias looks like."""

    code = "invalid_alias"


class AliasTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One version that an alias leads to: its number, its hash, and its share of new sessions in percent."""

    number: int
    version: VersionHash
    weight: int = ALL


def parse_reference(text: str) -> tuple[TemplateId, str]:
    """``tpl`` or ``tpl@alias`` as (template, alias or ""). Raises InvalidId, InvalidAlias."""
    template, marked, alias = text.partition("@")
    return TemplateId(check_id(template)), check_alias(alias) if marked else ""


def check_alias(text: str) -> str:
    """`text` if it is an alias: a lower-case letter, then up to 31 of a-z 0-9 _ -; raises InvalidAlias."""
    if not _ALIAS.match(text):
        raise InvalidAlias(f"{text[:80]!r} is not an alias: use a-z 0-9 _ - and begin with a letter, at most 32")
    return text


def choose(targets: Sequence[AliasTarget], session: SessionId) -> AliasTarget:
    """The target of a session: SHA-256 of its id, spread evenly over the weights. `targets` is not empty."""
    point = (int.from_bytes(hashlib.sha256(session.encode()).digest()[:8]) * sum(t.weight for t in targets)) >> 64
    for target in targets:
        if point < target.weight:
            return target
        point -= target.weight
    return targets[-1]
