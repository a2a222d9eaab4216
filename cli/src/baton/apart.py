"""Each service in a process of its own, watched and started again when it dies: the split topology.

It stands for what Kubernetes does in production, on one machine.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import httpx
import structlog

from chassis.embedded.child import Child
from chassis.embedded.ports import free_ports
from chassis.tasks import Tasks

log = structlog.get_logger()

_START_TIMEOUT_S = 60.0
_BACK_OFF_S = 0.5


class Apart:
    """A child for each service named; `urls` and `pids` by name. `on_restart` is called after one came back."""

    def __init__(
        self, names: Sequence[str], *, environment: Mapping[str, str], logs: Path, on_restart: Callable[[], None]
    ) -> None:
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        self._on_restart = on_restart
        self._children = {
            name: Child(
                name=name,
                argv=[sys.executable, "-m", "baton", "run", name],
                log=logs / f"{name}.log",
                environment={**environment, "BATON_PORT": str(port)},
                own_group=True,
                stop_grace_s=15,
            )
            for name, port in ports.items()
        }

    @property
    def pids(self) -> dict[str, int]:
        """Of the children that run now."""
        return {name: child.pid for name, child in self._children.items()}

    @contextlib.asynccontextmanager
    async def running(self, client: httpx.AsyncClient) -> AsyncIterator[None]:
        """Start all, wait until all are ready, keep them alive, stop all. Raises StartFailed."""
        try:
            for child in self._children.values():
                child.spawn()
            await asyncio.gather(*(self._until_ready(client, name) for name in self._children))
            async with Tasks() as tasks:
                for name in self._children:
                    tasks.start(self._keep(client, name), name=f"keep {name}")
                yield
        finally:
            await asyncio.gather(*(child.stop() for child in self._children.values()))

    async def _keep(self, client: httpx.AsyncClient, name: str) -> None:
        child = self._children[name]
        while True:
            status = await child.wait()
            log.warning("service_died", died=name, status=status)
            await asyncio.sleep(_BACK_OFF_S)
            child.spawn()
            self._on_restart()
            with contextlib.suppress(Exception):
                await self._until_ready(client, name)

    async def _until_ready(self, client: httpx.AsyncClient, name: str) -> None:
        async def ready() -> bool:
            try:
                return (await client.get(f"{self.urls[name]}/readyz", timeout=2)).status_code == 200
            except httpx.HTTPError:
                return False

        await self._children[name].until(ready, timeout_s=_START_TIMEOUT_S)
