"""What the handlers of the panel-bridge may ask for, beside path and query."""

from typing import Annotated

from asyncpg import Pool
from litestar.di import NamedDependency
from litestar.params import HeaderParameter

from chassis.http.parameters import BadPosition
from chassis.postgres.faults import Behind, PositionOfAnotherLog
from chassis.postgres.fetching import ReadModelsOutOfReach
from panel_bridge.adapters.live_sessions import LiveSessions
from panel_bridge.panels import NoSuchSession, Panels

ReadModels = NamedDependency[Pool]
ShowPanels = NamedDependency[Panels]
Live = NamedDependency[LiveSessions]

REFUSES = (NoSuchSession, BadPosition, PositionOfAnotherLog, Behind, ReadModelsOutOfReach)
"""What any handler about a session's panels may refuse."""

IdempotencyKey = Annotated[str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=255)]
"""A command that is sent twice with the same one acts once."""
