"""Passwords are checked in a bounded place, and take as long for nobody as for somebody."""

import asyncio
import threading
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from config.handlers.people.passwords import Passwords, PasswordsBusy

pytestmark = pytest.mark.unit

WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


async def test_hashes_are_argon2id_with_todays_parameters_and_salts_of_their_own() -> None:
    async with Passwords() as passwords:
        first, second = await passwords.hash("a password of mine"), await passwords.hash("a password of mine")
        told = extract_parameters(first)
        assert (told.type, told.memory_cost, told.time_cost, told.parallelism) == (Type.ID, 19 * 1024, 2, 1)
        assert first != second
        assert await passwords.good(first, "a password of mine")
        assert not await passwords.good(first, "a password of yours")
        assert not await passwords.good("not a hash", "a password of mine")
        assert not passwords.outdated(first)
        assert passwords.outdated(WEAK.hash("x"))


class Watched(PasswordHasher):
    """Remembers which parameters it worked with; waits for `open` before it makes a hash."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.checked: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        assert self.open.wait(10)
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.checked.append(str(hash).rpartition("$")[0].rpartition("$")[0])
        return super().verify(hash, password)


async def test_without_an_account_as_much_work_is_done() -> None:
    watched = Watched()
    async with Passwords(hasher=watched) as passwords:
        hash = await passwords.hash("a password of mine")
        for of in (hash, None):
            assert not await passwords.good(of, "another password")
    assert watched.checked == ["$argon2id$v=19$m=64,t=1,p=1"] * 2


async def test_more_than_the_queue_holds_are_turned_away_and_the_places_come_back() -> None:
    async with Passwords(threads=1, queue=3) as passwords:
        asked = await asyncio.gather(*(passwords.hash("x" * 12) for _ in range(10)), return_exceptions=True)
        assert sum(isinstance(one, PasswordsBusy) for one in asked) == 6
        assert sum(isinstance(one, str) for one in asked) == 4
        for _ in range(2):
            await passwords.hash("x" * 12)


async def test_while_passwords_are_checked_the_rest_of_the_process_goes_on() -> None:
    watched = Watched()
    async with Passwords(threads=1, queue=1, hasher=watched) as passwords:
        watched.open.clear()
        work = asyncio.create_task(passwords.hash("x" * 12))
        await asyncio.sleep(0)  # it has begun, and cannot end
        assert not work.done()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        second = asyncio.create_task(passwords.hash("x" * 12))
        await asyncio.sleep(0)
        with pytest.raises(PasswordsBusy):
            await passwords.hash("x" * 12)
        watched.open.set()
        assert await second, "who has gone keeps a place only until the work is done"
