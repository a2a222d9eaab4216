"""Owners for background tasks: what a service starts, it ends; and what dies, is noticed."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

import structlog

log = structlog.get_logger()
_CANCEL_AGAIN_S = 1.0


class TaskDied(Exception):
    """A background task that should run for ever has ended."""


class Tasks:
    """Background tasks of one owner. Leaving the context cancels them, last started first.

    `died` becomes set with the first task that ended by itself with an exception; the owner decides what follows.
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []
        self._died: asyncio.Event = asyncio.Event()
        self._cause: BaseException | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await stop(*reversed(self._tasks))

    def start(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run `work` until it ends or the owner leaves."""
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        task.add_done_callback(self._ended)
        return task

    async def wait_for_death(self) -> None:
        """Return never, or raise TaskDied from the first task's exception."""
        await self._died.wait()
        raise TaskDied(str(self._cause)) from self._cause

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks = [other for other in self._tasks if other is not task]
        if task.cancelled() or task.exception() is None:
            return
        self._cause = task.exception()
        log.error("task_died", task=task.get_name(), fault=type(self._cause).__name__, exc_info=self._cause)
        self._died.set()


async def stop(*tasks: asyncio.Future[Any]) -> None:
    """Cancel them until they are done; what they raise is theirs.

    Once is not enough: in Python 3.11 `asyncio.wait_for`, which nats-py and asyncpg use, loses a cancellation that
    arrives together with its result, and whoever then waited for the end would wait for ever.
    """
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told that nobody did
