"""The wiring of the ledger, top to bottom."""

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files

import structlog
from asyncpg import Pool

from chassis.access import Access
from chassis.access_tokens import TokenVerifier
from chassis.clock import SystemClock
from chassis.event_log import EventLog
from chassis.http.app import create_app
from chassis.key_ring import AskForKey, KeyRing
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.key_uses import keep_uses
from chassis.nats.keys import asking_for_keys
from chassis.nats.logs import declare_logs
from chassis.nats.requests import serve
from chassis.postgres import migrations
from chassis.postgres.generations import AnyProjection
from chassis.postgres.pool import open_pool
from chassis.postgres.prepare import prepare_projections
from chassis.postgres.price_books import PriceBooks
from chassis.postgres.runner import ProjectionRunner
from chassis.service import Service
from chassis.tasks import Tasks
from contracts.commands.costs import TellCost
from contracts.subjects import SESSION_COST, Log
from ledger.costs import Costs
from ledger.exporting import Signer
from ledger.http import cost, events, export, handoffs, state, timeline
from ledger.http.examples import EXAMPLES
from ledger.opening import Opener
from ledger.read_models.charges import Charges
from ledger.read_models.handoffs import Handoffs
from ledger.read_models.record import Record
from ledger.read_models.session_history import SessionHistory
from ledger.sessions import Sessions
from ledger.settings import Settings

log = structlog.get_logger(__name__)

SERVICE = "ledger"
ROUTES = [
    *timeline.ROUTES,
    *handoffs.ROUTES,
    *cost.ROUTES,
    *events.ROUTES,
    *state.ROUTES,
    *export.ROUTES,
]


def projections(settings: Settings) -> list[AnyProjection]:
    """All read models of the ledger, by which tools rebuild them by name."""
    charges = Charges(service=SERVICE, book=settings.price_book)
    return [Record(Log.SESSIONS), Record(Log.CONFIG), SessionHistory(), Handoffs(), PriceBooks(), charges]


async def migrate(settings: Settings) -> None:
    """Declare the logs, make the tables and prepare the read models; safe to repeat."""
    async with connect(settings.nats_url, name=SERVICE) as nats:
        await declare_logs(nats, replicas=settings.nats_replicas)
        event_log = NatsEventLog(nats)
        await migrations.migrate(settings.postgres_dsn, service=SERVICE, folder=files("ledger") / "migrations")
        await prepare_projections(
            settings.postgres_dsn, event_log=event_log, service=SERVICE, projections=projections(settings)
        )


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Service]:
    """Everything opened, in order; closed in reverse."""
    async with (
        connect(settings.nats_url, name=SERVICE) as nats,
        open_pool(settings.postgres_dsn, name=SERVICE, schema=SERVICE) as pool,
        Tasks() as tasks,
    ):
        await migrations.expect_migrated(settings.postgres_dsn, service=SERVICE, folder=files("ledger") / "migrations")
        event_log = NatsEventLog(nats)
        access = Access(
            log=event_log,
            pepper=settings.key_pepper.encode(),
            tokens=TokenVerifier.parse(settings.login_public_keys),
        )
        tasks.start(access.follow(), name="ledger.access")
        tasks.start(keep_uses(nats, access.keys), name="ledger.key_uses")
        for projection in projections(settings):
            runner = ProjectionRunner(log=event_log, dsn=settings.postgres_dsn, service=SERVICE, projection=projection)
            tasks.start(runner.run(), name=f"ledger.{projection.name}")
        costs = Costs(pool=pool, unnamed_book=settings.price_book)
        app = create_app(
            name=SERVICE,
            routes=ROUTES,
            examples=EXAMPLES,
            dependencies=dependencies(settings, pool=pool, event_log=event_log, ask=asking_for_keys(nats), costs=costs),
            access=access,
            ready=lambda: nats.is_connected and access.caught_up.is_set(),
        )
        async with await serve(nats, SESSION_COST, TellCost, costs.tell, queue=SERVICE):
            yield Service(name=SERVICE, app=app, tasks=tasks, ready=access.caught_up.is_set)


def dependencies(
    settings: Settings, *, pool: Pool, event_log: EventLog, ask: AskForKey, costs: Costs
) -> dict[str, object]:
    """What handlers may ask for by name."""
    return {
        "pool": pool,
        "sessions": Sessions(pool=pool, log=event_log),
        "opener": Opener(keys=KeyRing(ask=ask, reader=SERVICE)),
        "costs": costs,
        "signer": Signer(bytes.fromhex(settings.signing_key)),
        "clock": SystemClock(),
    }
