"""One PostgreSQL: it keeps what it committed over SIGKILL, is closed to strangers, and tells its log no words."""

from pathlib import Path

import asyncpg
import pytest
from tests.support.sacrifice import a_sacrifice
from tests.support.sockets import addresses_of

from chassis.embedded.postgres import Postgres

pytestmark = pytest.mark.integration

SERVE = """
    import asyncio, sys
    from pathlib import Path
    from chassis.embedded.postgres import Postgres

    async def main():
        async with Postgres(folder=Path(sys.argv[1]), password="secret") as server:
            print(server.dsn, flush=True)
            await asyncio.sleep(60)

    asyncio.run(main())
"""


async def test_committed_rows_survive_a_killed_process_group_and_the_next_start_just_works(tmp_path: Path) -> None:
    async with a_sacrifice(SERVE, str(tmp_path)) as served:
        connection = await asyncpg.connect(served.line)
        await connection.execute("create table kept (id int); insert into kept select generate_series(1, 1000)")
        await served.kill_group()
        connection.terminate()
    async with Postgres(folder=tmp_path, password="secret") as server:
        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("select count(*) from kept") == 1000
        await connection.close()


async def test_a_parent_killed_alone_takes_the_server_along_and_the_next_start_just_works(tmp_path: Path) -> None:
    async with a_sacrifice(SERVE, str(tmp_path)) as served:
        connection = await asyncpg.connect(served.line)
        await served.kill()
        async with Postgres(folder=tmp_path, password="secret") as server:
            again = await asyncpg.connect(server.dsn)
            assert await again.fetchval("select 1") == 1
            await again.close()
        connection.terminate()


async def test_an_initialisation_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "cluster.unfinished").mkdir()
    (tmp_path / "cluster.unfinished" / "PG_VERSION").write_text("18\n")
    async with Postgres(folder=tmp_path, password="secret", fast=True) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("create extension vector")
        await connection.close()
    assert not (tmp_path / "initial-password").exists()


async def test_it_asks_for_the_password_listens_on_loopback_alone_and_is_durable(tmp_path: Path) -> None:
    async with Postgres(folder=tmp_path, password="secret") as server:
        assert {address for address, _ in addresses_of(server.pid)} == {"127.0.0.1"}
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.dsn.replace("secret", "wrong"))
        connection = await asyncpg.connect(server.dsn)
        assert [await connection.fetchval(f"show {name}") for name in ("fsync", "synchronous_commit")] == ["on", "on"]
        await connection.close()


async def test_no_word_of_a_statement_or_a_row_reaches_the_log(tmp_path: Path) -> None:
    async with Postgres(folder=tmp_path, password="secret", fast=True) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("create table said (word text unique check (word <> 'aubergine'))")
        await connection.execute("insert into said values ('courgette')")
        for word in ("courgette", "aubergine"):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await connection.execute("insert into said values ($1)", word)
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await connection.execute("select 'rhubarb'::json")
        await connection.close()
    log = (tmp_path / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert not [word for word in ("courgette", "aubergine", "rhubarb") if word in log]
