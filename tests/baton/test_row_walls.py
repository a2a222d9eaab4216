"""Row-level security on the services' own tables, and under their own queries: with the first wall taken away, no
query shows a row of another customer.
"""

import inspect
import struct
from collections.abc import Callable, Collection, Sequence
from importlib import import_module
from typing import Any, get_args, get_origin

import asyncpg
import msgspec
import pytest
from tests.support.row_walls import VALUE, customers_tables, fill, first_wall_removed, make_tables, readers

from chassis.postgres.names import OWN_TABLES
from chassis.postgres.pool import Pool, direct, open_pool
from chassis.postgres.row_security import CUSTOMER_ROLE, customers_rows
from contracts.ids import CustomerId

pytestmark = pytest.mark.integration

OURS, THEIRS = CustomerId("ours"), CustomerId("theirs")

ADD_A_ROW_OF_THEIR_OWN = {
    "config.adapters.reading_progress:note_progress",
    "gateway.adapters.outbound_secrets:OutboundSecrets.keep",
    "gateway.adapters.page_logs:PageLogs.take",
    "gateway.adapters.vault:Vault._customer_key",
    "gateway.handlers.budget_alarm:BudgetAlarm._tell",
}
ARGUMENTS: dict[str, Any] = {"customer": OURS, "limit": 100}
"""By a parameter's name, where its type does not say what opens the query widest."""
ARGUMENTS_OF: dict[str, dict[str, Any]] = {
    "config.adapters.accounts:Accounts.set_password": {"was": VALUE},
    "config.read_models.knowledge_queries:chunks_at": {"places": [(VALUE, 1)]},
    "gateway.adapters.outbound_secrets:OutboundSecrets.forget": {"but": []},
}
BY_TYPE: dict[Any, Any] = {bool: True, int: 0, bytes: struct.pack("<f", 0.5)}


class KnownKeys:
    """For what opens secrets: a customer's own key is made at its first use, and would be counted as a row seen."""

    async def purpose_key(self, customer: CustomerId, purpose: str) -> bytes:
        return bytes(32)


def call(name: str, pool: Pool) -> Any:
    """The query, asked by us for what is theirs."""
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        owner, found = found, getattr(found, part)
    if inspect.isclass(owner):
        found = getattr(_made(owner, pool), path.split(".")[-1])
    arguments = {one.name: _argument(name, one, pool) for one in inspect.signature(found).parameters.values()}
    positional = [
        arguments.pop(one.name) for one in inspect.signature(found).parameters.values() if _is_positional(one)
    ]
    return found(*positional, **arguments)


def _made(owner: Callable[..., Any], pool: Pool) -> Any:
    known = {"pool": pool, "master": bytes(32), "vault": KnownKeys()}
    needed = [one for one in inspect.signature(owner).parameters.values() if one.default is one.empty]
    return owner(**{one.name: known[one.name] for one in needed})


def _is_positional(one: inspect.Parameter) -> bool:
    return one.kind is not inspect.Parameter.KEYWORD_ONLY


def _argument(name: str, one: inspect.Parameter, pool: Pool) -> Any:
    special = {"pool": pool, **ARGUMENTS, **ARGUMENTS_OF.get(name, {})}
    if one.name in special:
        return special[one.name]
    if inspect.isclass(one.annotation) and issubclass(one.annotation, msgspec.Struct):
        fields = [each for each in msgspec.structs.fields(one.annotation) if each.required or each.name in special]
        return one.annotation(**{each.name: special.get(each.name, VALUE) for each in fields})
    if one.default is not one.empty:
        return one.default
    if type(None) in get_args(one.annotation):
        return None
    if get_origin(one.annotation) in (list, Sequence, Collection):
        return [VALUE]
    return BY_TYPE.get(one.annotation, "" if one.name == "after" else VALUE)


async def rows_seen(name: str, pool: Pool, *, second_too: bool = False) -> int:
    with first_wall_removed(second_too=second_too) as tap:
        try:
            asked = call(name, pool)
            if inspect.isasyncgen(asked):
                async for _ in asked:
                    pass
            else:
                await asked
        except Exception:
            if not tap.rows:
                raise  # a made-up row need not decode, but it was seen
    return tap.rows


async def test_no_query_shows_anothers_rows_when_its_own_condition_is_gone(database: str) -> None:
    await make_tables(database)
    await fill(database, THEIRS)
    seen: dict[str, int] = {}
    would_be_seen: dict[str, int] = {}
    for name in sorted(readers().walled - ADD_A_ROW_OF_THEIR_OWN):
        async with open_pool(database, name="test", schema=name.split(".")[0], max=2) as pool:
            seen[name] = await rows_seen(name, pool)
            would_be_seen[name] = await rows_seen(name, pool, second_too=True)
    assert {name for name, rows in seen.items() if rows} == set()
    assert {name for name, rows in would_be_seen.items() if not rows} == set(), "or this test shows nothing"
    assert len(seen) >= 18


async def test_every_table_with_customers_rows_shows_each_its_own(database: str) -> None:
    await make_tables(database)
    await fill(database, THEIRS)
    async with open_pool(database, name="test") as pool, direct(database) as owner:
        tables = await customers_tables(owner)
        assert len(tables) >= 15
        for table in [*tables, "gateway.delivery_attempt"]:
            if table.split(".")[1] in OWN_TABLES:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await _count(pool, THEIRS, table)
                continue
            assert await _count(pool, THEIRS, table) == 1, table
            assert await _count(pool, OURS, table) == 0, table
            async with owner.transaction():
                await owner.execute(f"set local role {CUSTOMER_ROLE}")
                assert await owner.fetchval(f"select count(*) from {table}") == 0, f"{table}, for nobody"


async def test_every_table_with_customers_rows_has_both_policies_and_every_view_judges_its_reader(
    database: str,
) -> None:
    await make_tables(database)
    async with direct(database) as owner:
        for table in [*await customers_tables(owner), "gateway.delivery_attempt"]:
            policies = await owner.fetch("select polname from pg_policy where polrelid = $1::regclass", table)
            assert {row["polname"] for row in policies} == {"owners_all", "customers_own"}, table
            forced = "select relrowsecurity and relforcerowsecurity from pg_class where oid = $1::regclass"
            assert await owner.fetchval(forced, table), table
        views = await owner.fetch(
            "select relname, reloptions from pg_class c join pg_namespace n on n.oid = relnamespace"
            " where relkind = 'v' and nspname not in ('pg_catalog', 'information_schema')"
        )
        assert len(views) >= 8
        assert [row["relname"] for row in views if row["reloptions"] != ["security_invoker=true"]] == []


async def _count(pool: Pool, customer: CustomerId, table: str) -> int:
    async with customers_rows(pool, customer) as db:
        count: int = await db.fetchval(f"select count(*) from {table}")
    return count
