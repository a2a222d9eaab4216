"""First answers in PostgreSQL: one claimant, the same answer again, sealed, and claims that lapse."""

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from tests.support.until import until

from chassis.errors import Unavailable
from chassis.idempotency import Answer, KeyReused, Once, StillRunning
from chassis.postgres import migrations
from chassis.postgres.idempotency import PostgresAnswers
from chassis.postgres.pool import Pool, open_pool
from contracts.ids import CustomerId

pytestmark = pytest.mark.integration

ONCE = Once(customer=CustomerId("acme"), route="POST /x", key="one", fingerprint="ab")
ANSWER = Answer(status=201, headers=[(b"content-type", b"application/json")], body=b'{"token":"a-secret-word"}')


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    await migrations.migrate(database, service="config", folder=files("config") / "migrations")
    async with open_pool(database, name="test", schema="config") as pool:
        yield pool


async def test_of_many_one_may_act_and_the_others_get_its_answer(pool: Pool) -> None:
    claims = await asyncio.gather(
        *(PostgresAnswers(pool, secret=b"s").claim(ONCE) for _ in range(20)), return_exceptions=True
    )
    assert claims.count(None) == 1
    assert sum(isinstance(one, StillRunning) for one in claims) == 19


async def test_an_answer_comes_back_whole_from_any_process_and_is_sealed(pool: Pool) -> None:
    first = PostgresAnswers(pool, secret=b"s")
    assert await first.claim(ONCE) is None
    await first.keep(ONCE, ANSWER)
    assert await PostgresAnswers(pool, secret=b"s").claim(ONCE) == ANSWER
    (row,) = await pool.fetch("select * from idempotent_answer")
    assert b"a-secret-word" not in row["answer"]
    with pytest.raises(Unavailable):
        await PostgresAnswers(pool, secret=b"another").claim(ONCE)
    with pytest.raises(KeyReused):
        await first.claim(msgspec.structs.replace(ONCE, fingerprint="cd"))
    for other in ({"customer": CustomerId("other")}, {"route": "POST /y"}, {"key": "two"}):
        assert await first.claim(msgspec.structs.replace(ONCE, **other)) is None


async def test_a_released_claim_is_free_and_a_stranger_releases_none(pool: Pool) -> None:
    first, second = PostgresAnswers(pool, secret=b"s"), PostgresAnswers(pool, secret=b"s")
    await first.claim(ONCE)
    await second.release(ONCE)
    with pytest.raises(StillRunning):
        await second.claim(ONCE)
    await first.release(ONCE)
    assert await second.claim(ONCE) is None


async def test_the_claim_of_a_dead_process_lapses_and_its_late_answer_is_not_taken(pool: Pool) -> None:
    dead, heir = PostgresAnswers(pool, secret=b"s"), PostgresAnswers(pool, secret=b"s")
    await dead.claim(ONCE)
    await pool.execute("update idempotent_answer set claimed_at = now() - interval '61 s'")
    assert await heir.claim(ONCE) is None
    await dead.keep(ONCE, msgspec.structs.replace(ANSWER, status=500))
    await heir.keep(ONCE, ANSWER)
    assert await dead.claim(ONCE) == ANSWER


async def test_what_is_older_than_a_day_is_forgotten(pool: Pool) -> None:
    answers = PostgresAnswers(pool, secret=b"s")
    await answers.claim(ONCE)
    await answers.claim(msgspec.structs.replace(ONCE, key="two"))
    await pool.execute("update idempotent_answer set claimed_at = now() - interval '25 h' where key = 'one'")
    sweeping = asyncio.create_task(answers.sweep())

    async def swept() -> bool:
        return bool(await pool.fetchval("select count(*) = 1 from idempotent_answer"))

    await until(swept, what="the old one is forgotten")
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)


def test_the_services_that_keep_answers_have_the_same_table() -> None:
    tables = {(Path(str(files(name) / "migrations")) / file).read_text() for name, file in _TABLES}
    assert len(tables) == 1


_TABLES = [("config", "0001_idempotent_answer.sql"), ("gateway", "0004_idempotent_answer.sql")]
