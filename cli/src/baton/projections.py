"""Read models from outside: list, lag, check against a rebuild, rebuild, parked sessions and their replay."""

import contextlib
from collections.abc import AsyncIterator, Mapping

import msgspec

from baton.services import WITH_PROJECTIONS, bootstrap_of, package_of, settings_of
from chassis.errors import NotFound
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.postgres import rebuild as rebuilding
from chassis.postgres.generations import AnyProjection
from chassis.postgres.overview import ProjectionStatus, list_projections
from chassis.postgres.parking import ParkedSession, parked_sessions
from chassis.postgres.pool import direct
from chassis.postgres.rebuild import CheckReport, RebuildReport
from chassis.postgres.replay import Replayed, replay_parked


class Found(msgspec.Struct, frozen=True):
    """A projection, and the service whose read model it is."""

    service: str
    projection: AnyProjection


class Projections:
    """All read models of all services; `names` narrows to some, and raises NotFound for an unknown one."""

    def __init__(self, *, log: NatsEventLog, dsn: str, environment: Mapping[str, str]) -> None:
        self._log, self._dsn = log, dsn
        self._all = [
            Found(package_of(name), projection)
            for name in WITH_PROJECTIONS
            for projection in bootstrap_of(name).projections(settings_of(name, environment))
        ]

    async def overview(self) -> list[ProjectionStatus]:
        """Where each stands."""
        services = sorted({found.service for found in self._all})
        statuses = [await list_projections(self._dsn, log=self._log, service=service) for service in services]
        return [status for each in statuses for status in each]

    async def check(self, names: tuple[str, ...]) -> list[CheckReport]:
        """Each built beside the live one and compared row by row."""
        return [
            await rebuilding.check(self._dsn, log=self._log, service=found.service, projection=found.projection)
            for found in self._chosen(names)
        ]

    async def rebuild(self, names: tuple[str, ...]) -> list[RebuildReport]:
        """Each built anew, taking over when it has caught up."""
        return [
            await rebuilding.rebuild(self._dsn, log=self._log, service=found.service, projection=found.projection)
            for found in self._chosen(names)
        ]

    async def parked(self) -> list[ParkedSession]:
        """Sessions that a projection could not apply."""
        async with direct(self._dsn, name="baton-parked") as db:
            services = sorted({found.service for found in self._all})
            return [parked for service in services for parked in await parked_sessions(db, service)]

    async def replay(self, names: tuple[str, ...]) -> list[Replayed]:
        """Parked sessions tried again."""
        return [
            replayed
            for found in self._chosen(names)
            if hasattr(found.projection, "apply")  # the record of bytes never parks
            for replayed in await replay_parked(
                self._dsn, log=self._log, service=found.service, projection=found.projection
            )
        ]

    def _chosen(self, names: tuple[str, ...]) -> list[Found]:
        known = {found.projection.name for found in self._all}
        if unknown := sorted(set(names) - known):
            raise NotFound(f"no projection {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
        return [found for found in self._all if not names or found.projection.name in names]


@contextlib.asynccontextmanager
async def open_projections(environment: Mapping[str, str]) -> AsyncIterator[Projections]:
    """Over the NATS and PostgreSQL that the environment names."""
    async with connect(environment["BATON_NATS_URL"], name="projections") as nats:
        yield Projections(log=NatsEventLog(nats), dsn=environment["BATON_POSTGRES_DSN"], environment=environment)
