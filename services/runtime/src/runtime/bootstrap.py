"""The wiring of the runtime, top to bottom."""

import contextlib
from collections.abc import AsyncIterator

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.service import Service
from chassis.tasks import Tasks
from runtime import telemetry
from runtime.http.probes import probes
from runtime.settings import Settings
from runtime.worker import Worker


async def migrate(settings: Settings) -> None:
    """The runtime keeps no tables and declares no log."""


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Service]:
    """The worker, where there is a LiveKit to take jobs from; ready once LiveKit has registered it."""
    telemetry.hush()
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(settings.nats_url, name="runtime"))
        tasks = await stack.enter_async_context(Tasks())
        worker: Worker | None = None
        if settings.livekit_url:
            worker = Worker(settings=settings, client=client, event_log=NatsEventLog(client))
            await stack.enter_async_context(worker.running(tasks))

        def ready() -> bool:
            return client.is_connected and (worker is None or worker.registered)

        yield Service(name="runtime", app=probes(ready), tasks=tasks, ready=ready)
