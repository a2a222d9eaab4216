"""Running a service: signals, the HTTP server, readiness and an orderly end.

A service's `bootstrap.py` has ``def open_service(settings) -> AsyncContextManager[Service]``; entering it opens
everything, leaving it closes everything in reverse. `run` serves it until SIGTERM, SIGINT or the death of a task.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn

from chassis.tasks import TaskDied, Tasks
from chassis.tasks import stop as stop_tasks

log = structlog.get_logger()

Asgi = Callable[..., Any]
"""An ASGI application."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A running service. `app` is its HTTP side; `ready()` says whether it would answer well now."""

    name: str
    app: Asgi
    tasks: Tasks
    ready: Callable[[], bool]


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the service's owner decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@contextlib.asynccontextmanager
async def serving(
    app: Asgi,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    sockets: list[socket.socket] | None = None,
    start_timeout_s: float = 15,
) -> AsyncIterator[int]:
    """Serve `app` while the context is open; yields the port (the one chosen, where `port` is 0).

    With `sockets` it serves on those, which are bound already, instead.
    """
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # whom to believe is a setting (config), not whoever calls from this machine
            timeout_graceful_shutdown=5,
        )
    )
    task = asyncio.create_task(server.serve(sockets=sockets), name=f"http:{port}")
    try:
        async with asyncio.timeout(start_timeout_s):
            while not server.started:
                if task.done():
                    await task
                    raise OSError(f"the HTTP server on {host}:{port} did not start")
                await asyncio.sleep(0.01)
        yield sockets[0].getsockname()[1] if sockets else server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        with contextlib.suppress(SystemExit):
            await task


async def run(opening: AbstractAsyncContextManager[Service], *, host: str, port: int) -> int:
    """Open, serve, wait for a signal, close. Returns the exit status: 0 after a signal, 1 after a death."""
    stop = asyncio.Event()
    with stop_signals(stop):
        async with opening as service, serving(service.app, host=host, port=port) as bound:
            log.info("service_started", service=service.name, port=bound)
            status = await _until_stopped(service, stop)
    log.info("service_stopped", service=service.name, status=status)
    return status


@contextlib.contextmanager
def stop_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _until_stopped(service: Service, stop: asyncio.Event) -> int:
    stopped = asyncio.create_task(stop.wait())
    dead = asyncio.create_task(service.tasks.wait_for_death())
    done, _ = await asyncio.wait({stopped, dead}, return_when=asyncio.FIRST_COMPLETED)
    await stop_tasks(stopped, dead)
    return 1 if dead in done and isinstance(dead.exception(), TaskDied) else 0
