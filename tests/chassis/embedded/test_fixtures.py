"""The shared fixtures give each test a clean place."""

import asyncpg
import nats
import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_finds_nats_without_streams(nats_url: str, turn: int) -> None:
    connection = await nats.connect(nats_url)
    log = connection.jetstream()
    assert await log.streams_info() == []
    await log.add_stream(name="LEFT", subjects=["left.>"])
    await log.create_key_value(bucket="left")
    await connection.close()


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_finds_an_empty_database(database: str, turn: int) -> None:
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'") == 0
    await connection.execute("create table left_behind (id int)")
    await connection.execute("create extension vector")
    await connection.close()


def test_a_synchronous_test_may_use_them_too(nats_url: str, database: str) -> None:
    assert nats_url.startswith("nats://")
    assert database.startswith("postgresql://")
