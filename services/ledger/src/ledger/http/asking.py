"""What the handlers of the ledger may ask for, beside path and query."""

from typing import Annotated

from asyncpg import Pool
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from chassis.clock import Clock
from chassis.http.parameters import BadPosition
from chassis.key_ring import KeysOutOfReach
from chassis.postgres.faults import Behind, PositionOfAnotherLog
from chassis.postgres.fetching import ReadModelsOutOfReach
from ledger.costs import Costs
from ledger.exporting import Signer
from ledger.opening import Opener
from ledger.sessions import NoSuchSession, Sessions

ReadModels = NamedDependency[Pool]
FindSessions = NamedDependency[Sessions]
Opening = NamedDependency[Opener]
Reckons = NamedDependency[Costs]
Signing = NamedDependency[Signer]
WallClock = NamedDependency[Clock]

READING = {
    "scope": "sessions:read",
    "refuses": (NoSuchSession, BadPosition, PositionOfAnotherLog, Behind, ReadModelsOutOfReach, KeysOutOfReach),
}
"""`opt` of a handler that reads a session."""

MAX_LINES = 5000
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LINES)]
"""How many lines a page has at most."""
