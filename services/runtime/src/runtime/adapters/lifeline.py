"""The heartbeat by which the gateway knows that a job lives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import nats.errors

from chassis.nats.connection import Client
from chassis.tasks import Tasks
from contracts.commands.jobs import JobMetadata
from contracts.subjects import heartbeat_subject

BEAT_EVERY_S = 0.5


@contextlib.asynccontextmanager
async def beating(client: Client, metadata: JobMetadata) -> AsyncIterator[None]:
    """The sign of life: from this job's own loop, so that a loop that hangs falls silent."""
    subject = heartbeat_subject(metadata.session, metadata.epoch)

    async def beat() -> None:
        while True:
            if client.is_connected:
                with contextlib.suppress(nats.errors.Error, OSError):
                    await client.publish(subject)
            await asyncio.sleep(BEAT_EVERY_S)

    async with Tasks() as tasks:
        tasks.start(beat(), name="heartbeat")
        yield
