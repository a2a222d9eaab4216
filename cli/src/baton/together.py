"""All five services in this process, behind one port: what `baton up` runs."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import gateway.bootstrap
import panel_bridge.bootstrap
import panel_bridge.settings
import runtime.bootstrap
import runtime.settings

import config.bootstrap
import config.settings
import gateway.settings
import ledger.bootstrap
import ledger.settings
from chassis.service import Service
from chassis.settings import load

Opening = Callable[[Any], AbstractAsyncContextManager[Service]]

SERVICES: dict[str, tuple[Any, Any]] = {
    "config": (config.settings.Settings, config.bootstrap),
    "gateway": (gateway.settings.Settings, gateway.bootstrap),
    "runtime": (runtime.settings.Settings, runtime.bootstrap),
    "panel-bridge": (panel_bridge.settings.Settings, panel_bridge.bootstrap),
    "ledger": (ledger.settings.Settings, ledger.bootstrap),
}
"""Name → (settings, bootstrap), in the order in which they open."""


async def migrate_all(environment: Mapping[str, str]) -> None:
    """Declare the logs and bring every schema up to date; safe to repeat."""
    for settings, bootstrap in SERVICES.values():
        migrate = getattr(bootstrap, "migrate", None)
        if migrate is not None:
            await migrate(load(settings, environment))


@contextlib.asynccontextmanager
async def open_all(environment: Mapping[str, str]) -> AsyncIterator[dict[str, Service]]:
    """Open every service; close them in reverse."""
    async with contextlib.AsyncExitStack() as stack:
        opened: dict[str, Service] = {}
        for name, (settings, bootstrap) in SERVICES.items():
            opened[name] = await stack.enter_async_context(bootstrap.open_service(load(settings, environment)))
        yield opened
