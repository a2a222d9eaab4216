"""A service's SQL files are applied once, in order, whoever starts first; a changed or missing one is named."""

import asyncio
from pathlib import Path

import pytest

from chassis.postgres.migrations import MigrationFault, expect_migrated, migrate
from chassis.postgres.pool import direct, open_pool

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_slot.sql").write_text("create table slot (id text primary key); insert into slot values ('a');")
    (tmp_path / "0002_more.sql").write_text("alter table slot add column held_by text;")
    (tmp_path / "__init__.py").write_text("")
    return tmp_path


async def test_migrations_are_applied_once_in_order_in_the_services_schema(database: str, folder: Path) -> None:
    assert await migrate(database, service="gateway", folder=folder) == ["0001_slot.sql", "0002_more.sql"]
    assert await migrate(database, service="gateway", folder=folder) == []
    async with open_pool(database, name="test", schema="gateway") as pool:
        assert await pool.fetchval("select count(*) from slot") == 1


async def test_two_services_do_not_meet(database: str, folder: Path) -> None:
    await migrate(database, service="gateway", folder=folder)
    assert await migrate(database, service="config", folder=folder) != []


async def test_many_processes_may_migrate_at_once(database: str, folder: Path) -> None:
    applied = await asyncio.gather(*(migrate(database, service="gateway", folder=folder) for _ in range(5)))
    assert sorted(map(len, applied)) == [0, 0, 0, 0, 2]


async def test_a_changed_file_is_an_error_that_names_it(database: str, folder: Path) -> None:
    await migrate(database, service="gateway", folder=folder)
    (folder / "0001_slot.sql").write_text("create table slot (id int primary key);")
    with pytest.raises(MigrationFault, match=r"0001_slot\.sql was changed"):
        await migrate(database, service="gateway", folder=folder)
    with pytest.raises(MigrationFault, match="was changed"):
        await expect_migrated(database, service="gateway", folder=folder)


async def test_a_failing_file_leaves_nothing_of_itself_behind(database: str, folder: Path) -> None:
    (folder / "0003_wrong.sql").write_text("create table half (id int); select 1 / 0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(database, service="gateway", folder=folder)
    async with direct(database) as connection:
        assert await connection.fetchval("select to_regclass('gateway.half')") is None
        assert await connection.fetchval("select max(number) from gateway.migration") == 2


async def test_a_service_that_may_not_migrate_itself_says_what_is_missing(database: str, folder: Path) -> None:
    with pytest.raises(MigrationFault, match=r"0001_slot\.sql, 0002_more\.sql"):
        await expect_migrated(database, service="gateway", folder=folder)
    await migrate(database, service="gateway", folder=folder)
    await expect_migrated(database, service="gateway", folder=folder)


async def test_a_number_that_is_missing_is_an_error(database: str, folder: Path) -> None:
    (folder / "0004_late.sql").write_text("select 1;")
    with pytest.raises(MigrationFault, match="numbered"):
        await migrate(database, service="gateway", folder=folder)


async def test_json_columns_are_python_values(database: str) -> None:
    async with open_pool(database, name="test") as pool:
        assert await pool.fetchval("select $1::jsonb", {"a": [1, "x"]}) == {"a": [1, "x"]}


async def test_a_statement_has_a_bound(database: str) -> None:
    async with open_pool(database, name="test", statement_s=0.1) as pool:
        with pytest.raises(Exception, match="statement timeout"):
            await pool.execute("select pg_sleep(5)")
