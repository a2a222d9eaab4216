"""One of Baton's own processes, or a baseline's, for as long as a benchmark needs it."""

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx

from chassis.embedded.child import Child

_READY_S = 60.0


@contextlib.asynccontextmanager
async def process(
    name: str, argv: list[str], environment: Mapping[str, str], *, port: int, folder: Path
) -> AsyncIterator[None]:
    """Started, and answering `/readyz` at `port`; its output goes to `<folder>/<name>.log`. Raises StartFailed."""
    child = Child(name=name, argv=argv, log=folder / f"{name}.log", environment={**os.environ, **environment})
    child.spawn()
    try:
        async with httpx.AsyncClient(timeout=2) as client:

            async def ready() -> bool:
                try:
                    return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
                except httpx.HTTPError:
                    return False

            await child.until(ready, timeout_s=_READY_S)
        yield
    finally:
        await child.stop()
