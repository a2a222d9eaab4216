"""`baton up`: the whole of Baton on one machine, until Ctrl-C. Everything it keeps is in one locked data folder."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import config.settings
from baton import edge, ready
from baton.apart import Apart
from baton.environment import for_services
from baton.parts import Parts, Say, open_parts
from baton.ready import Ready
from baton.secret_files import operator_token
from baton.seed import Seeded, seed
from baton.services import NAMES, migrate_all
from baton.together import open_all
from chassis.embedded.child import StartFailed
from chassis.embedded.data_folder import DataFolder
from chassis.service import Asgi, Service, serving, stop_signals
from chassis.settings import load
from chassis.tasks import TaskDied, Tasks
from chassis.tasks import stop as stop_tasks
from simulators.scenario import load as load_scenario

Topology = Literal["together", "split"]

Announce = Callable[[Mapping[str, int]], Ready]
"""Writes the ready files, for these process ids of the services."""

_READY_TIMEOUT_S = 60.0


class PortTaken(Exception):
    """The port for the API is in use."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `baton up` was asked for. A `port` of 0 means a free one. Services that are not among `services` may be run
    beside it, with `baton run`.
    """

    data: Path
    scenario: Path
    ready_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    topology: Topology = "together"
    services: Sequence[str] = NAMES


async def up(options: Options, *, say: Say) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status."""
    stop = asyncio.Event()
    with stop_signals(stop):
        async with running(options, say=say) as live:
            _show(live.ready, say)
            await _first(stop.wait(), live.tasks.wait_for_death())
            say("stopping …")
    return 0


@dataclass(frozen=True, kw_only=True)
class Live:
    """A running Baton; `tasks` tells when a part of it died."""

    ready: Ready
    tasks: Tasks


@contextlib.asynccontextmanager
async def running(options: Options, *, say: Say) -> AsyncIterator[Live]:
    """Everything up and answering; everything down again on leaving.

    Raises FolderInUse, PortTaken, StartFailed and, for a bad scenario, the simulators' ScenarioError.
    """
    scenario = load_scenario(options.scenario)
    async with contextlib.AsyncExitStack() as stack:
        listening = _listen(options)
        stack.callback(listening.close)
        api_url = f"http://{options.host}:{listening.getsockname()[1]}"
        folder = await stack.enter_async_context(DataFolder(options.data))
        settings_file = folder.part(ready.ENVIRONMENT_NAME)
        files = [folder.part(ready.NAME), *([options.ready_file] if options.ready_file else [])]
        stack.callback(_remove, [*files, settings_file])
        _remove(files)
        webhook = f"{api_url}/webhooks/livekit"
        parts = await stack.enter_async_context(open_parts(folder, scenario=scenario, webhook_url=webhook, say=say))
        environment = for_services(parts, os.environ)
        ready.write(environment, settings_file)
        await migrate_all(environment)
        seeded = await seed(load(config.settings.Settings, environment), folder.path)
        live = _opening(options, parts, environment, seeded, listening, api_url, files)
        yield await stack.enter_async_context(live)


async def until_ready(services: Mapping[str, Service], tasks: Tasks, *, timeout_s: float) -> None:
    """Raises StartFailed, naming who is not ready in time, or what died meanwhile."""

    async def all_ready() -> None:
        while not all(service.ready() for service in services.values()):
            await asyncio.sleep(0.02)

    try:
        async with asyncio.timeout(timeout_s):
            await _first(all_ready(), tasks.wait_for_death())
    except TimeoutError:
        late = ", ".join(name for name, service in services.items() if not service.ready())
        raise StartFailed(f"not ready within {timeout_s:g} s: {late}") from None
    except TaskDied as death:
        raise StartFailed(f"a part of Baton died while it started: {death}") from death


def _opening(
    options: Options,
    parts: Parts,
    environment: Mapping[str, str],
    seeded: Seeded,
    listening: socket.socket,
    api_url: str,
    files: list[Path],
) -> contextlib.AbstractAsyncContextManager[Live]:
    """The services in the topology asked for, served at `listening`."""

    def announce(pids: Mapping[str, int]) -> Ready:
        described = _describe(parts, environment, seeded, api_url, options.topology, pids)
        for file in files:
            ready.write(described, file)
        return described

    if options.topology == "split":
        return _apart(parts, environment, listening, announce, options.services)
    return _together(parts.folder.part("logs"), environment, listening, announce, options.services)


@contextlib.asynccontextmanager
async def _together(
    logs: Path,
    environment: Mapping[str, str],
    listening: socket.socket,
    announce: Announce,
    names: Sequence[str],
) -> AsyncIterator[Live]:
    # LiveKit forks job processes, which read their settings from there; the terminal stays for people.
    os.environ.update(environment, BATON_LOG_FILE=str(logs / "jobs.log"))
    async with open_all(environment, names) as services:
        app = edge.together({name: service.app for name, service in services.items()})
        async with serving(app, sockets=[listening]), Tasks() as tasks:
            for service in services.values():
                tasks.start(service.tasks.wait_for_death(), name=f"watch {service.name}")
            await until_ready(services, tasks, timeout_s=_READY_TIMEOUT_S)
            yield Live(ready=announce({name: os.getpid() for name in services}), tasks=tasks)


@contextlib.asynccontextmanager
async def _apart(
    parts: Parts,
    environment: Mapping[str, str],
    listening: socket.socket,
    announce: Announce,
    names: Sequence[str],
) -> AsyncIterator[Live]:
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=1000)) as client, Tasks() as tasks:
        logs = parts.folder.part("logs")
        children = Apart(
            names,
            environment={**os.environ, **environment},
            logs=logs,
            on_restart=lambda: _ignore(announce(children.pids)),
        )
        app: Asgi = edge.apart(children.urls, client)
        async with serving(app, sockets=[listening]), children.running(client):
            yield Live(ready=announce(children.pids), tasks=tasks)


def _describe(
    parts: Parts,
    environment: Mapping[str, str],
    seeded: Seeded,
    api_url: str,
    topology: Topology,
    pids: Mapping[str, int],
) -> Ready:
    of_parts = {"nats": parts.nats.pid, "postgres": parts.postgres.pid}
    if parts.livekit:
        of_parts["livekit"] = parts.livekit.pid
    return Ready(
        api_url=api_url,
        api_key=seeded.api_key,
        template_id=seeded.template_id,
        admin_url=f"http://127.0.0.1:{environment['BATON_ADMIN_PORT']}",
        operator_token=operator_token(parts.folder.path),
        nats_url=parts.nats.url,
        nats_creds=None,
        postgres_dsn=parts.postgres_dsn,
        livekit_url=parts.livekit.url if parts.livekit else "",
        livekit_key=parts.livekit.key if parts.livekit else "",
        livekit_secret=parts.livekit.secret if parts.livekit else "",
        ledger_public_key=public_key(environment["BATON_SIGNING_KEY"]),
        topology=topology,
        simulators={
            "openai": parts.simulators.openai_base_url,
            "deepgram": parts.simulators.deepgram_base_url,
            "cartesia": parts.simulators.cartesia_base_url,
        },
        pids={"baton": os.getpid(), **of_parts, **pids},
    )


def public_key(signing_key: str) -> str:
    """Hex of the Ed25519 public key that belongs to a seed in hex: what `baton verify` takes."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(signing_key)).public_key().public_bytes_raw().hex()


def _listen(options: Options) -> socket.socket:
    """Take the API's port before anything else starts, so that a port in use costs nothing."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((options.host, options.port))
    except OSError as error:
        listening.close()
        raise PortTaken(
            f"port {options.port} on {options.host} is in use: choose another with --port, or 0 for a free one"
        ) from error
    listening.listen(128)
    return listening


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Return when the first of them returns, or raise what it raised."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await stop_tasks(*tasks)
    for task in done:
        task.result()


def _show(described: Ready, say: Say) -> None:
    say("")
    say(f"Baton answers at  {described.api_url}")
    say(f"API key           {described.api_key}")
    say(f"operators         {described.admin_url}")
    say(f"template          {described.template_id}")
    say(f"LiveKit           {described.livekit_url or 'none: sessions run without a room'}")
    say("Ctrl-C ends everything and leaves the data folder as it is.")


def _remove(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _ignore(_: Ready) -> None:
    return None
