"""What all routes of config share."""

from collections.abc import Awaitable, Callable, Sequence

from litestar.di import NamedDependency

from chassis.access import Access
from chassis.http.conditions import etag
from config.handlers.entities import Entities
from contracts.ids import ApiKeyId
from contracts.positions import Position

Credentials = NamedDependency[Access]
ReadUses = Callable[[Sequence[ApiKeyId]], Awaitable[dict[ApiKeyId, str]]]
Uses = NamedDependency[ReadUses]
ConfigEntities = NamedDependency[Entities]
"""A handler's argument `entities: ConfigEntities`."""


def tagged(position: Position | None) -> dict[str, str]:
    """The ETag of a thing whose stream stands there: its revision is the sequence of its last commit."""
    return etag(position.sequence) if position else {}


def encoded(position: Position | None) -> str:
    """The opaque text of a position, empty where nothing was ever written."""
    return position.encode() if position else ""
