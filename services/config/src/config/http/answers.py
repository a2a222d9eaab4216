"""What all routes of config share."""

from litestar.di import NamedDependency

from config.entities import Entities
from contracts.positions import Position

ConfigEntities = NamedDependency[Entities]
"""A handler's argument `entities: ConfigEntities`."""


def encoded(position: Position | None) -> str:
    """The opaque text of a position, empty where nothing was ever written."""
    return position.encode() if position else ""
