"""`ETag` and `If-Match`: who revises a thing says which revision was read, so that nobody's change is lost.

A thing's tag is strong: the revision of its stream, in quotes (RFC 9110 §8.8.3).
"""

import re
from collections.abc import Callable
from typing import Annotated

from litestar.params import HeaderParameter

from chassis.errors import Conflict, InvalidInput

_TAG = re.compile(r'\s*"(\d{1,19})"\s*\Z')

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description="The `ETag` that was read, or `*` for whatever there is",
        schema_extra={"pattern": r'^(\*|"[0-9]{1,19}"(, ?"[0-9]{1,19}")*)$'},
    ),
]
"""A handler's argument `if_match: IfMatch = None`."""


class PreconditionFailed(Conflict):
    """The thing is no longer as the asker read it."""

    status, code, title = 412, "stale", "The thing has changed since it was read"


class NeedsPrecondition(Conflict):
    """A change of something that exists, by someone who does not say what was read."""

    status, code, title = 428, "precondition_required", "Revising a thing that exists needs If-Match"


class BadTag(InvalidInput):
    """If-Match holds no tag of ours."""

    code, title = "invalid_if_match", "If-Match takes a strong ETag, or *"


def etag(revision: int) -> dict[str, str]:
    """The header of a thing at this revision."""
    return {"ETag": f'"{revision}"'}


def precondition(if_match: str | None) -> Callable[[int], None]:
    """What checks a stream's revision (0: nothing there yet) before something is appended to it.

    Creating needs no If-Match, revising does. The returned function raises PreconditionFailed or NeedsPrecondition;
    this one raises BadTag. A change that is there already is not refused (RFC 9110 §13.1.1).
    """
    if if_match is None:
        return _only_create
    if if_match.strip() == "*":
        return _only_revise
    tags = [_TAG.match(part) for part in if_match.split(",")]
    if not all(tags):
        raise BadTag
    revisions = {int(tag[1]) for tag in tags if tag}

    def one_of(revision: int) -> None:
        if revision not in revisions:
            raise PreconditionFailed

    return one_of


def _only_create(revision: int) -> None:
    if revision:
        raise NeedsPrecondition


def _only_revise(revision: int) -> None:
    if not revision:
        raise PreconditionFailed
