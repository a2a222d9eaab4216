"""The wiring of config, top to bottom."""

import contextlib
from collections.abc import AsyncIterator

from chassis.api_keys import ApiKeys
from chassis.clock import SystemClock
from chassis.http.app import create_app
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs
from chassis.nats.object_store import NatsObjectStore
from chassis.service import Service
from chassis.tasks import Tasks
from config.entities import Entities
from config.http import agents, aliases, keys, models, templates
from config.http import versions as version_routes
from config.http.examples import EXAMPLES
from config.settings import Settings
from config.versions import Versions
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET

SOURCE = "config/0.1"
ROUTES = [
    *agents.ROUTES,
    *templates.ROUTES,
    *version_routes.ROUTES,
    *aliases.ROUTES,
    *models.ROUTES,
    *keys.ROUTES,
]


async def migrate(settings: Settings) -> None:
    """Declare the logs and buckets; safe to repeat."""
    async with connect(settings.nats_url, name="config") as nats:
        await declare_logs(nats, replicas=settings.nats_replicas)


@contextlib.asynccontextmanager
async def open_entities(settings: Settings) -> AsyncIterator[Entities]:
    """The entities alone, without HTTP: for seeding a new deployment."""
    async with connect(settings.nats_url, name="config") as nats:
        yield Entities(
            log=NatsEventLog(nats),
            objects=NatsObjectStore(nats, TEMPLATE_VERSIONS_BUCKET),
            clock=SystemClock(),
            pepper=settings.key_pepper.encode(),
            source=SOURCE,
        )


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Service]:
    """Everything opened, in order; closed in reverse."""
    async with connect(settings.nats_url, name="config") as nats, Tasks() as tasks:
        log = NatsEventLog(nats)
        pepper = settings.key_pepper.encode()
        api_keys = ApiKeys(log=log, pepper=pepper)
        entities = Entities(
            log=log,
            objects=NatsObjectStore(nats, TEMPLATE_VERSIONS_BUCKET),
            clock=SystemClock(),
            pepper=pepper,
            source=SOURCE,
        )
        versions = Versions(entities=entities, log=log, objects=NatsObjectStore(nats, TEMPLATE_VERSIONS_BUCKET))
        tasks.start(api_keys.follow(), name="config.api_keys")
        app = create_app(
            name="config",
            routes=ROUTES,
            examples=EXAMPLES,
            dependencies={"entities": entities, "versions": versions},
            api_keys=api_keys,
            ready=lambda: nats.is_connected and api_keys.caught_up.is_set(),
        )
        yield Service(name="config", app=app, tasks=tasks, ready=api_keys.caught_up.is_set)
