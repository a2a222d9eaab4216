"""What a job shares with the gateway while it runs, over core NATS: its heartbeat, and the key that it asks for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import nats.errors

from chassis.event_log import LogFault
from chassis.key_ring import AskForKey
from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask
from chassis.tasks import Tasks
from contracts.commands.jobs import JobMetadata
from contracts.commands.keys import KeyAnswer, OpenKey
from contracts.subjects import OPEN_KEY, heartbeat_subject

BEAT_EVERY_S = 0.5
KEY_S = 10.0


def asking(client: Client) -> AskForKey:
    """Asks whoever holds the keys; raises LogFault when nobody answers within KEY_S."""

    async def ask_for_key(question: OpenKey) -> KeyAnswer:
        try:
            answer: KeyAnswer = await ask(client, OPEN_KEY, question, KeyAnswer, timeout_s=KEY_S)
        except (NoAnswer, RequestRefused) as error:
            raise LogFault("nobody opens keys") from error
        return answer

    return ask_for_key


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
