"""What an operator sees of the read models of a service: how far, how far behind, who runs them, who is parked."""

from datetime import datetime

import msgspec

from chassis.event_log import EventLog
from chassis.postgres.bookkeeping import Checkpoint, checkpoints, is_bookkept
from chassis.postgres.names import owner_key
from chassis.postgres.pool import direct
from chassis.projection import Db
from contracts.subjects import Log


class ProjectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One live read model. `lag` counts commits of the log not yet seen; `owner` is the connection that runs it
    (application name and server process), empty when nobody does; `other_generations` are builds and kept ones.
    """

    service: str
    projection: str
    log: str
    generation: int
    sequence: int
    end: int
    lag: int
    parked: int
    owner: str
    moved_at: datetime
    other_generations: list[int] = []


async def list_projections(dsn: str, *, log: EventLog, service: str) -> list[ProjectionStatus]:
    """By name. A service that never ran has none. Raises what server and log raise."""
    async with direct(dsn, name=f"{service}-overview") as connection:
        if not await is_bookkept(connection, service):
            return []
        found = await checkpoints(connection, service)
        live = [each for each in found if each.state == "live"]
        ends = {name: await log.end(Log(name)) for name in {each.log for each in live}}
        return [await _status(connection, service, each, ends[each.log], found) for each in live]


async def _status(db: Db, service: str, live: Checkpoint, end: int, all_: list[Checkpoint]) -> ProjectionStatus:
    parked = await db.fetchval(
        f"select count(*) from {service}.parked where projection = $1 and generation = $2",
        live.projection,
        live.generation,
    )
    return ProjectionStatus(
        service=service,
        projection=live.projection,
        log=live.log,
        generation=live.generation,
        sequence=live.sequence,
        end=end,
        lag=max(0, end - live.sequence),
        parked=parked or 0,
        owner=await _owner(db, owner_key(service, live.projection, live.generation)),
        moved_at=live.moved_at,
        other_generations=[
            each.generation for each in all_ if each.projection == live.projection and each.state != "live"
        ],
    )


async def _owner(db: Db, key: int) -> str:
    """Who holds the advisory lock: PostgreSQL shows its 64-bit key as two halves."""
    found = await db.fetchrow(
        "select a.application_name, a.pid from pg_locks l join pg_stat_activity a on a.pid = l.pid"
        " where l.locktype = 'advisory' and l.granted and l.objsubid = 1"
        " and l.database = (select oid from pg_database where datname = current_database())"
        " and l.classid::bigint = (($1::bigint >> 32) & 4294967295) and l.objid::bigint = ($1::bigint & 4294967295)",
        key,
    )
    return f"{found['application_name']} ({found['pid']})" if found else ""
