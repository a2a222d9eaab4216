"""Row-level security: whoever reads for a customer sees that customer's rows, whatever the statement asks for.

Every case runs as a superuser, as development does, and as an owner of tables who is none, as production must.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.support.counted_sessions import reached, write
from tests.support.event_log import ReadableLog
from tests.support.running import running
from tests.support.toy_projection import ToyCounts

from chassis.postgres.bookkeeping import live_checkpoint
from chassis.postgres.fetching import rows_of
from chassis.postgres.migrations import migrate
from chassis.postgres.names import generation_schema
from chassis.postgres.pool import Pool, direct, open_pool
from chassis.postgres.prepare import prepare_projections
from chassis.postgres.rebuild import check, rebuild
from chassis.postgres.row_security import CUSTOMER_ROLE, customers_rows, ensure_customer_role
from chassis.postgres.runner import ProjectionRunner
from contracts.ids import CustomerId, InvalidId

pytestmark = pytest.mark.integration

OURS, THEIRS = CustomerId("cus_1"), CustomerId("cus_2")
SERVICE = "svc"
NOTES = "create table note (id text primary key, customer text not null, words text not null);"


@pytest.fixture(params=["superuser", "owner"])
async def dsn(database: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """As an administrator gives it: the owner may make schemas, but no roles."""
    if request.param == "superuser":
        yield database
        return
    parts = urlsplit(database)
    async with direct(database) as admin:
        await ensure_customer_role(admin)
        await admin.execute("create role baton_owner login password 'pw'")
        await admin.execute(f"grant create on database {parts.path[1:]} to baton_owner")
        await admin.execute(f"grant {CUSTOMER_ROLE} to baton_owner")
        yield parts._replace(netloc=f"baton_owner:pw@{parts.hostname}:{parts.port}").geturl()
        await admin.execute("drop owned by baton_owner cascade; drop role baton_owner")


async def a_service(dsn: str, folder: Path) -> None:
    (folder / "0001_note.sql").write_text(NOTES)
    await migrate(dsn, service=SERVICE, folder=folder)
    async with direct(dsn) as owner:
        for customer in (OURS, THEIRS):
            await owner.execute(f"insert into {SERVICE}.note values ($1, $2, 'secret')", f"of_{customer}", customer)


async def notes(pool: Pool, customer: CustomerId) -> list[str]:
    return [row["id"] for row in await rows_of(pool, customer, "select id from note order by id")]


async def test_a_customers_transaction_sees_and_touches_its_own_rows_alone(dsn: str, tmp_path: Path) -> None:
    await a_service(dsn, tmp_path)
    async with open_pool(dsn, name="test", schema=SERVICE, max=1) as pool:
        assert await notes(pool, OURS) == ["of_cus_1"]
        assert await notes(pool, THEIRS) == ["of_cus_2"]
        async with customers_rows(pool, OURS) as db:
            assert await db.execute("update note set words = 'changed'") == "UPDATE 1"
            assert await db.execute("delete from note where customer = $1", THEIRS) == "DELETE 0"
        for statement in (f"insert into note values ('n', '{THEIRS}', '')", f"update note set customer = '{THEIRS}'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with customers_rows(pool, OURS) as db:
                    await db.execute(statement)
        words = await pool.fetch("select words from note order by id")
        assert [row["words"] for row in words] == ["changed", "secret"], "the owner sees all, on the same connection"


async def test_without_a_customers_name_there_are_no_rows(dsn: str, tmp_path: Path) -> None:
    await a_service(dsn, tmp_path)
    async with open_pool(dsn, name="test", schema=SERVICE, max=1) as pool:
        for _ in range(2):
            async with pool.acquire() as db, db.transaction():
                await db.execute(f"set local role {CUSTOMER_ROLE}")
                assert await db.fetch("select * from note") == []
            await notes(pool, OURS)  # afterwards the setting is known to the session, and empty
        with pytest.raises(InvalidId):
            await notes(pool, CustomerId("x' or true --"))


async def test_a_failed_transaction_leaves_nothing_of_itself_on_the_connection(dsn: str, tmp_path: Path) -> None:
    await a_service(dsn, tmp_path)
    async with open_pool(dsn, name="test", schema=SERVICE, max=1) as pool:
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with customers_rows(pool, OURS) as db:
                await db.execute("delete from note; select 1 / 0")
        assert await notes(pool, OURS) == ["of_cus_1"]
        assert await pool.fetchval("select current_user <> $1", CUSTOMER_ROLE)


async def test_a_read_model_is_walled_through_its_view_and_through_a_rebuild(dsn: str) -> None:
    log = ReadableLog()
    await write(log, 20)
    runner = ProjectionRunner(log=log, dsn=dsn, service=SERVICE, projection=ToyCounts())
    async with open_pool(dsn, name="test", schema=SERVICE) as pool, running(runner.run()):
        await reached(dsn, 20, service=SERVICE)
        for generation in (1, 2):
            assert len(await rows_of(pool, OURS, "select * from session_count")) == 7
            assert await rows_of(pool, THEIRS, "select * from session_count") == []
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with customers_rows(pool, OURS) as db:
                    await db.execute(f"delete from {generation_schema(SERVICE, 'toy', generation)}.session_count")
            if generation == 1:
                await rebuild(dsn, log=log, service=SERVICE, projection=ToyCounts())
        assert (await check(dsn, log=log, service=SERVICE, projection=ToyCounts())).equal


async def test_tables_and_read_models_of_a_release_without_walls_get_them(dsn: str, tmp_path: Path) -> None:
    log = ReadableLog()
    await a_service(dsn, tmp_path)
    await prepare_projections(dsn, event_log=log, service=SERVICE, projections=[ToyCounts()])
    async with direct(dsn) as owner:
        live = await live_checkpoint(owner, SERVICE, "toy")
        assert live is not None
        schema = generation_schema(SERVICE, "toy", live.generation)
        for table in ("svc.note", f"{schema}.session_count", f"{schema}.customer_count"):
            for policy in ("owners_all", "customers_own"):
                await owner.execute(f"drop policy {policy} on {table}")
            await owner.execute(f"alter table {table} no force row level security, disable row level security")
            await owner.execute(f"revoke all on {table} from {CUSTOMER_ROLE}")
        await owner.execute("alter view svc.session_count reset (security_invoker)")
        await owner.execute(f"insert into {schema}.customer_count values ($1, 1, 1), ($2, 1, 1)", OURS, THEIRS)
    await migrate(dsn, service=SERVICE, folder=tmp_path)
    assert await prepare_projections(dsn, event_log=log, service=SERVICE, projections=[ToyCounts()]) == []
    async with open_pool(dsn, name="test", schema=SERVICE) as pool:
        assert await notes(pool, OURS) == ["of_cus_1"]
        assert len(await rows_of(pool, OURS, "select * from customer_count")) == 1
        assert await rows_of(pool, THEIRS, "select * from session_count") == []
