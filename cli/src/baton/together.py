"""All five services in this process: what `baton up` runs."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from baton.services import NAMES, bootstrap_of, settings_of
from chassis.service import Service


@contextlib.asynccontextmanager
async def open_all(environment: Mapping[str, str], names: Sequence[str] = NAMES) -> AsyncIterator[dict[str, Service]]:
    """Open the services; close them in reverse."""
    async with contextlib.AsyncExitStack() as stack:
        opened: dict[str, Service] = {}
        for name in names:
            opening = bootstrap_of(name).open_service(settings_of(name, environment))
            opened[name] = await stack.enter_async_context(opening)
        yield opened
