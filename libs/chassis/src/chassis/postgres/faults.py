"""What can go wrong while a read model follows the log, and which of it is worth trying again.

PostgresFault ─┬─ Fenced             another owner, or a cut-over, moved the checkpoint: stop, look again
               ├─ LogReplaced        the checkpoint is of another incarnation of the log: rebuild
               └─ DefinitionChanged  the tables were made from other DDL than this build's: rebuild
Refusals: Behind (503), PositionOfAnotherLog (409), NoSuchProjection (404), BuildUnderWay (409)
"""

import asyncpg

from chassis.errors import Conflict, NotFound, Unavailable
from chassis.event_log import LogFault


class PostgresFault(Exception):
    """Something about a read model's bookkeeping is not as it must be."""

    code = "read_model_fault"


class Fenced(PostgresFault):
    """The checkpoint was not where we had left it: somebody else owns this generation now. Nothing was written."""

    code = "projection_fenced"


class LogReplaced(PostgresFault):
    """The log was made anew since the read model was built from it; only a rebuild can go on."""

    code = "log_replaced"


class DefinitionChanged(PostgresFault):
    """The live tables were made from other DDL than the projection has now; only a rebuild can go on."""

    code = "projection_definition_changed"


class Behind(Unavailable):
    """A read model did not reach the asked position in time; asking again may help."""

    code, title = "read_model_behind", "The read model has not reached this position yet"


class PositionOfAnotherLog(Conflict):
    """The position belongs to another log, or to one that was made anew since."""

    code, title = "position_of_another_log", "This position belongs to another log"


class NoSuchProjection(NotFound):
    """No read model of this name has been built here."""

    code, title = "no_such_projection", "There is no such read model"


class BuildUnderWay(Conflict):
    """Another rebuild or check of the same read model is running."""

    code, title = "build_under_way", "A rebuild or check of this read model is already running"


_SERVER_TROUBLE = (
    asyncpg.InternalClientError,  # the server ended the connection, and asyncpg has not noticed yet
    asyncpg.PostgresConnectionError,  # 08
    asyncpg.InsufficientResourcesError,  # 53
    asyncpg.OperatorInterventionError,  # 57: shut down, starting up, statement timeout
    asyncpg.PostgresSystemError,  # 58
    asyncpg.TransactionRollbackError,  # 40: deadlock, serialization
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InsufficientPrivilegeError,
)


def is_passing(error: BaseException, *, closed: bool = False) -> bool:
    """Whether `error` is trouble of the server, the network or the log, and not of an event.

    `closed` says that the connection was found closed, after which asyncpg raises InterfaceError for everything.
    """
    if isinstance(error, asyncpg.InterfaceError):
        return closed
    return closed or isinstance(error, (OSError, TimeoutError, MemoryError, LogFault, *_SERVER_TROUBLE))
