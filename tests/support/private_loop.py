"""Runs coroutines from synchronous fixtures, on an event loop that no test shares.

Servers outlive the loop of a single test, so what starts them must not be bound to it. The loop runs in the main
thread, only while a fixture is being set up or torn down: children die with the thread that forked them, so a helper
thread would not do.
"""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class PrivateLoop:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self, work: Coroutine[Any, Any, T], *, timeout_s: float = 180.0) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(work, timeout_s))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
