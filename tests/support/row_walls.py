"""The wall between customers, found and tried: which functions of the services stand behind it, tables with a row of a
customer each, and a tap on what statements see.
"""

import ast
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.support.event_log import ReadableLog

from chassis.postgres.migrations import migrate
from chassis.postgres.pool import Connection, direct
from chassis.postgres.prepare import prepare_projections
from chassis.postgres.row_security import CUSTOMER_ROLE
from config.knowledge_parts import prepare_vectors

ROOT = Path(__file__).parents[2]
SERVICES = ("config", "gateway", "ledger", "panel_bridge")
"""Packages that are services with a database, each by the name of its schema."""

_WALLED = {"rows_of", "customers_rows"}
_POOLS = {"pool", "_pool"}
_BARE = {"fetch", "fetchrow", "fetchval", "execute", "executemany", "acquire"}
_CONDITION = re.compile(r"\b(?:\w+\.)?customer = \$(\d+)")
_BEGIN = f"begin; set local role {CUSTOMER_ROLE}"
VALUE = "x"
"""What stands in every text of a row; queries are asked for it."""


class Readers(msgspec.Struct, frozen=True):
    """Functions of the services as ``module:qualified.name``: those behind the wall, and those that see all rows."""

    walled: set[str]
    bare: set[str]


def readers() -> Readers:
    """Read from the services' own text."""
    found = Readers(set(), set())
    for path in sorted(ROOT.glob("services/*/src/**/*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts[3:])
        for name, call in _calls(ast.parse(path.read_text()), ()):
            if isinstance(call.func, ast.Name) and call.func.id in _WALLED:
                found.walled.add(f"{module}:{name}")
            elif _is_bare(call.func):
                found.bare.add(f"{module}:{name}")
    return found


def _is_bare(called: ast.expr) -> bool:
    """A connection of one's own, or the pool itself."""
    if isinstance(called, ast.Attribute):
        return called.attr in _BARE and getattr(called.value, "id", getattr(called.value, "attr", "")) in _POOLS
    return isinstance(called, ast.Name) and called.id in ("direct", "all_rows")


def _calls(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[str, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        inner = names
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = (*names, child.name)
        if isinstance(child, ast.Call):
            yield ".".join(names), child
        yield from _calls(child, inner)


async def make_tables(database: str) -> None:
    """All tables of all services, as their migrations and read models make them."""
    for service in SERVICES:
        settings = import_module(f"{service}.settings").Settings
        bare = settings(**{one.name: VALUE for one in msgspec.structs.fields(settings) if one.required})
        if service == "config":  # with every read model that there can be
            bare = msgspec.structs.replace(bare, embeddings_base_url=VALUE, postgres_dsn=database)
            await prepare_vectors(bare)
        projections = import_module(f"{service}.bootstrap").projections(bare)
        await migrate(database, service=service, folder=files(service) / "migrations")
        await prepare_projections(database, event_log=ReadableLog(), service=service, projections=projections)


async def customers_tables(db: Connection) -> list[str]:
    """Every table with a column `customer`, with its schema; rows are put in this order."""
    rows = await db.fetch(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " join pg_attribute a on a.attrelid = c.oid and a.attname = 'customer' and not a.attisdropped"
        " where c.relkind in ('r', 'p') and n.nspname not like 'pg\\_%' order by 1, 2"
    )
    return [f"{row[0]}.{row[1]}" for row in rows]


async def fill(database: str, customer: str) -> int:
    """A row of `customer` in every table that has customers' rows; returns in how many."""
    async with direct(database) as db:
        tables = [*await customers_tables(db), "gateway.delivery_attempt"]
        await db.execute("set session_replication_role = replica")  # in any order, whatever refers to whatever
        for table in tables:
            values = await _values(db, table)
            if "customer" in values:
                values["customer"] = f"'{customer}'"
            columns = ", ".join(f'"{name}"' for name in values)
            await db.execute(f"insert into {table} ({columns}) values ({', '.join(values.values())})")
        return len(tables)


async def _values(db: Connection, table: str) -> dict[str, str]:
    """By column, an expression of its type; what the table makes by itself is left out."""
    rows = await db.fetch(
        "select a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull,"
        " pg_get_constraintdef(c.oid) as rule from pg_attribute a"
        " left join pg_constraint c on c.conrelid = a.attrelid and c.contype = 'c' and c.conkey = array[a.attnum]"
        " where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped"
        " and a.attidentity = '' and a.attgenerated = ''",
        table,
    )
    return {row["attname"]: _expression(row) for row in rows}


_EXPRESSIONS = {
    "timestamp with time zone": "now() + interval '1 hour'",
    "boolean": "true",
    "bytea": "'\\x00'",
    "jsonb": "'{}'",
    "tsvector": f"to_tsvector('simple', '{VALUE}')",
    "vector": "'[0.5]'",
}
_NUMBERS = ("bigint", "integer", "smallint", "double precision", "real", "numeric")


def _expression(column: asyncpg.Record) -> str:
    kind = column["type"]
    if allowed := re.findall(r"'([^']+)'::text", column["rule"] or ""):
        return f"'{allowed[0]}'"
    if kind == "text" and not column["attnotnull"]:
        return "null"
    if column["attname"] == "config":
        return "'simple'"  # a text search configuration
    if kind.endswith("[]"):
        return f"array['{VALUE}']::{kind}"
    return _EXPRESSIONS.get(kind, "1" if kind.startswith(_NUMBERS) else f"'{VALUE}'")


@dataclass
class Tap:
    """`rows` counts what statements in customers' transactions returned or changed."""

    rows: int = 0


@contextlib.contextmanager
def first_wall_removed(*, second_too: bool = False) -> Iterator[Tap]:
    """Until the end of the block every ``customer = $n`` in a customer's transaction is always true, and no such
    transaction changes anything.

    `second_too` leaves them to the owner of the tables: what they see then is what the second wall keeps back.
    """
    tap, inside = Tap(), set[int]()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fetch", "fetchrow", "fetchval", "execute"):
            patch.setattr(asyncpg.Connection, name, _tapped(name, tap, inside, second_too))
        yield tap


def _tapped(name: str, tap: Tap, inside: set[int], second_too: bool) -> Any:
    original = getattr(asyncpg.Connection, name)

    async def run(connection: Connection, query: str, *arguments: Any, **more: Any) -> Any:
        if query.startswith(_BEGIN):
            inside.add(id(connection))
            return await original(connection, "begin" if second_too else query)
        if query in ("commit", "rollback"):
            inside.discard(id(connection))
            return await original(connection, "rollback")
        if id(connection) not in inside:
            return await original(connection, query, *arguments, **more)
        anyones = _CONDITION.sub(r"$\1::text is not null", query)
        answer = await original(connection, anyones, *arguments, **more)
        tap.rows += _rows_in(name, answer)
        return answer

    return run


def _rows_in(name: str, answer: Any) -> int:
    if name == "execute":
        changed = re.fullmatch(r"(?:UPDATE|DELETE) (\d+)", answer)
        return int(changed[1]) if changed else 0
    return len(answer) if name == "fetch" else int(answer is not None)
