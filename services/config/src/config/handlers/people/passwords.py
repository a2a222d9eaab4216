"""Passwords by argon2id, in threads of their own: a flood of logins must not starve the rest of the process.

Parameters: OWASP's minimum, 19 MiB, 2 passes, 1 lane. Each check is some 50 ms of one core. More of them than threads
wait in a queue, and more than the queue holds are turned away at once.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chassis.errors import Unavailable
from config.domain.credentials import password_bytes

T = TypeVar("T")

THREADS, QUEUE = 2, 30
_WAIT_S = 10.0


class PasswordsBusy(Unavailable):
    """More logins are under way than are let wait."""

    code, title = "logins_busy", "Too many logins are under way; try again shortly"


class Passwords:
    """Makes and checks hashes. Close it to end its threads."""

    def __init__(self, *, threads: int = THREADS, queue: int = QUEUE, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._most, self._under_way = threads + queue, 0
        self._nobodys = self._hasher.hash(os.urandom(32))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """A hash in PHC form, with its own salt; raises PasswordsBusy."""
        return await self._run(lambda: self._hasher.hash(password_bytes(password)))

    async def good(self, hash: str | None, password: str) -> bool:
        """Whether the password is the one of the hash; raises PasswordsBusy.

        Without a hash it takes as long and says no, so that nobody learns who has an account by asking for the time.
        """
        matches = await self._run(lambda: self._matches(hash or self._nobodys, password))
        return matches and hash is not None

    def outdated(self, hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hash)

    def _matches(self, hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash, password_bytes(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._under_way >= self._most:
            raise PasswordsBusy
        self._under_way += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(work)
        # The place is free when the thread is, not when the asker has gone.
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done))
        return await self._wait(future)

    async def _wait(self, future: Future[T]) -> T:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), _WAIT_S)
        except TimeoutError:
            raise PasswordsBusy from None

    def _done(self) -> None:
        self._under_way -= 1
