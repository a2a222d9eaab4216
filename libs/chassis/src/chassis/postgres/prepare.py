"""Before a service serves: every read model has its tables and views, made by this release's DDL, from this log.

Called by the migration job, or by a service that may change its own schema. Missing ones are made empty (their runner
fills them), outdated ones are rebuilt beside the live tables, so that readers of the old release go on reading.
"""

import structlog

from chassis.event_log import EventLog
from chassis.postgres.faults import BuildUnderWay, DefinitionChanged, LogReplaced
from chassis.postgres.generations import AnyProjection, ensure_live, is_record, secure_generation
from chassis.postgres.pool import direct
from chassis.postgres.rebuild import rebuild

log = structlog.get_logger(__name__)


async def prepare_projections(
    dsn: str, *, event_log: EventLog, service: str, projections: list[AnyProjection]
) -> list[str]:
    """Return the names of those that were rebuilt. Safe from many processes at once: one of them rebuilds.

    Raises ValueError for tables that cannot be (no primary key, a name taken), DefinitionChanged or LogReplaced for a
    CommitProjection, which is never rebuilt unasked, and what server and log raise.
    """
    rebuilt = []
    for projection in projections:
        if await _is_outdated(dsn, event_log, service, projection):
            log.info("projection_rebuilt_at_start", service=service, projection=projection.name)
            try:
                await rebuild(dsn, log=event_log, service=service, projection=projection)
            except BuildUnderWay:
                continue  # by another process of this release; our runner waits for it
            rebuilt.append(projection.name)
    return rebuilt


async def _is_outdated(dsn: str, event_log: EventLog, service: str, projection: AnyProjection) -> bool:
    incarnation = await event_log.incarnation(projection.log)
    async with direct(dsn, name=f"{service}-prepare") as connection:
        try:
            live = await ensure_live(connection, service=service, projection=projection, incarnation=incarnation)
            await secure_generation(connection, service=service, live=live)
        except (DefinitionChanged, LogReplaced):
            if is_record(projection):
                raise  # the record may hold what the log does not have any more
            return True
    return False
