"""The wiring of the panel-bridge, top to bottom."""

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files

import structlog

from chassis.access import Access
from chassis.access_tokens import TokenVerifier
from chassis.http.app import create_app
from chassis.key_ring import KeyRing
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.key_uses import keep_uses
from chassis.nats.keys import asking_for_keys
from chassis.nats.logs import declare_logs
from chassis.postgres import migrations
from chassis.postgres.generations import AnyProjection
from chassis.postgres.pool import open_pool
from chassis.postgres.prepare import prepare_projections
from chassis.postgres.runner import ProjectionRunner
from chassis.service import Service
from chassis.tasks import Tasks
from panel_bridge.adapters.live_sessions import LiveSessions
from panel_bridge.http import commands, panels
from panel_bridge.http.examples import EXAMPLES
from panel_bridge.panels import SERVICE, Panels
from panel_bridge.read_models.panel_state import PanelState
from panel_bridge.settings import Settings

log = structlog.get_logger(__name__)

NAME = "panel-bridge"
ROUTES = [*panels.ROUTES, *commands.ROUTES]


def projections(settings: Settings) -> list[AnyProjection]:
    """All read models of the panel-bridge, by which tools rebuild them by name."""
    return [PanelState()]


async def migrate(settings: Settings) -> None:
    """Declare the logs, make the tables and prepare the read models; safe to repeat."""
    async with connect(settings.nats_url, name=NAME) as nats:
        await declare_logs(nats, replicas=settings.nats_replicas)
        event_log = NatsEventLog(nats)
        await migrations.migrate(settings.postgres_dsn, service=SERVICE, folder=files("panel_bridge") / "migrations")
        await prepare_projections(
            settings.postgres_dsn, event_log=event_log, service=SERVICE, projections=projections(settings)
        )


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Service]:
    """Everything opened, in order; closed in reverse."""
    dsn = settings.postgres_dsn
    async with (
        connect(settings.nats_url, name=NAME) as nats,
        open_pool(dsn, name=NAME, schema=SERVICE) as pool,
        Tasks() as tasks,
    ):
        await migrations.expect_migrated(dsn, service=SERVICE, folder=files("panel_bridge") / "migrations")
        event_log = NatsEventLog(nats)
        access = Access(
            log=event_log,
            pepper=settings.key_pepper.encode(),
            tokens=TokenVerifier.parse(settings.login_public_keys),
        )
        tasks.start(access.follow(), name="panel_bridge.access")
        tasks.start(keep_uses(nats, access.keys), name="panel_bridge.key_uses")
        for projection in projections(settings):
            runner = ProjectionRunner(log=event_log, dsn=dsn, service=SERVICE, projection=projection)
            tasks.start(runner.run(), name=f"panel_bridge.{projection.name}")
        keys = KeyRing(ask=asking_for_keys(nats), reader=NAME)
        app = create_app(
            name=NAME,
            routes=ROUTES,
            examples=EXAMPLES,
            dependencies={
                "pool": pool,
                "panels": Panels(pool=pool, event_log=event_log, keys=keys),
                "live": LiveSessions(client=nats),
            },
            access=access,
            ready=lambda: nats.is_connected and access.caught_up.is_set(),
        )
        yield Service(name=NAME, app=app, tasks=tasks, ready=access.caught_up.is_set)
