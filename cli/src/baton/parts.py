"""The real parts under the services: NATS, PostgreSQL, LiveKit and the provider simulators, in a data folder."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from chassis.embedded.child import Child
from chassis.embedded.data_folder import DataFolder
from chassis.embedded.livekit import LiveKitServer, LiveKitUnavailable, find_or_build
from chassis.embedded.nats_server import NatsServer
from chassis.embedded.postgres import Postgres
from chassis.tasks import stop
from simulators import Simulators
from simulators.scenario import Scenario

Say = Callable[[str], None]
"""Tells the person at the terminal one line."""

DATABASE = "baton"
NO_LIVEKIT = "BATON_NO_LIVEKIT"
"""Set to anything, no LiveKit server is looked for or built."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What runs, and how to reach it. `livekit` is None where no LiveKit server can be had."""

    folder: DataFolder
    nats: NatsServer
    postgres: Postgres
    livekit: LiveKitServer | None
    simulators: Simulators

    @property
    def postgres_dsn(self) -> str:
        """The database of all services."""
        return self.postgres.dsn_of(DATABASE)


@contextlib.asynccontextmanager
async def open_parts(folder: DataFolder, *, scenario: Scenario, webhook_url: str, say: Say) -> AsyncIterator[Parts]:
    """Start everything, stores first; stop it in reverse. Raises StartFailed, PortInUse."""
    async with contextlib.AsyncExitStack() as stack:
        binary = asyncio.create_task(_livekit_binary(say))
        stack.push_async_callback(stop, binary)
        nats = NatsServer(
            store=folder.part("nats"), log=folder.part("logs") / "nats.log", password=folder.secret("nats")
        )
        postgres = Postgres(
            folder=folder.part("postgres"), log=folder.part("logs") / "postgres.log", password=folder.secret("postgres")
        )
        folder.part("logs").mkdir(parents=True, exist_ok=True)
        await stack.enter_async_context(nats)
        folder.record(nats.child)
        await stack.enter_async_context(postgres)
        folder.record(_started(postgres.child))
        await _create_database(postgres)
        say("NATS and PostgreSQL answer")
        simulators = await stack.enter_async_context(Simulators(scenario=scenario))
        livekit = await _open_livekit(stack, folder, await binary, webhook_url)
        yield Parts(folder=folder, nats=nats, postgres=postgres, livekit=livekit, simulators=simulators)


async def _livekit_binary(say: Say) -> Path | None:
    try:
        if os.environ.get(NO_LIVEKIT):
            raise LiveKitUnavailable(f"{NO_LIVEKIT} is set")
        return await find_or_build(say)
    except LiveKitUnavailable as error:
        say(f"no LiveKit server can be had ({error.reason}): sessions run without a room")
        return None


async def _open_livekit(
    stack: contextlib.AsyncExitStack, folder: DataFolder, binary: Path | None, webhook_url: str
) -> LiveKitServer | None:
    if binary is None:
        return None
    livekit = LiveKitServer(
        binary=binary,
        folder=folder.part("livekit"),
        log=folder.part("logs") / "livekit.log",
        key="baton",
        secret=folder.secret("livekit"),
        webhook_urls=[webhook_url],
        own_group=True,
    )
    await stack.enter_async_context(livekit)
    folder.record(livekit.child)
    return livekit


async def _create_database(postgres: Postgres) -> None:
    connection = await asyncpg.connect(postgres.dsn, timeout=10)
    try:
        if not await connection.fetchval("select 1 from pg_database where datname = $1", DATABASE):
            await connection.execute(f'create database "{DATABASE}"')
    finally:
        await connection.close(timeout=5)


def _started(child: Child | None) -> Child:
    assert child is not None
    return child
