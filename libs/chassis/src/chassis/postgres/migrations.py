"""Numbered SQL files of a service, each applied once, in order, in a transaction, in the service's schema.

Files are `0001_name.sql` in a package's resources. A file that was applied must never change. For tables of a
service that are not read models: those belong to their projection (generations.py). Every table with a column
`customer` gets the wall between customers by itself (row_security.py).
"""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from chassis.postgres.names import identifier, lock_key
from chassis.postgres.pool import direct
from chassis.postgres.row_security import WRITE, ensure_customer_role, secure_rows

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class MigrationFault(Exception):
    """The files and the database do not fit each other."""

    code = "migration_fault"


class Migration(msgspec.Struct, frozen=True):
    """One file: its number, name, text, and the SHA-256 of the text in hexadecimal."""

    number: int
    name: str
    text: str
    checksum: str


async def migrate(dsn_or_connection: Any, *, service: str, folder: Traversable) -> list[str]:
    """Apply what is missing and return the names applied. Safe to call from many processes at once.

    Raises MigrationFault for a changed, missing or misnumbered file, asyncpg.PostgresError for SQL that fails.
    """
    files = read_migrations(folder)
    async with _connection(dsn_or_connection, service) as connection:
        key = lock_key("migrate", service)
        await connection.execute("select pg_advisory_lock($1)", key)
        try:
            await ensure_customer_role(connection)
            applied = await _apply_missing(connection, identifier(service), files)
            await secure_rows(connection, service, grant=WRITE)
            return applied
        finally:
            if not connection.is_closed():
                await connection.execute("select pg_advisory_unlock($1)", key)


async def expect_migrated(dsn_or_connection: Any, *, service: str, folder: Traversable) -> None:
    """Raise MigrationFault unless every file has been applied; for a service that may not migrate itself.

    Newer migrations than ours are fine: they are additive while two releases run side by side.
    """
    files = read_migrations(folder)
    async with _connection(dsn_or_connection, service) as connection:
        applied = await _applied(connection, identifier(service))
        _check_unchanged(files, applied)
        missing = [file.name for file in files if file.number not in applied]
        if missing:
            raise MigrationFault(f"{service}: not yet migrated: {', '.join(missing)}")


def read_migrations(folder: Traversable) -> list[Migration]:
    """The files in order; raises MigrationFault when the numbers are not 1, 2, 3 …"""
    found = []
    for entry in folder.iterdir():
        if matched := _FILE.fullmatch(entry.name):
            text = entry.read_text(encoding="utf-8")
            checksum = hashlib.sha256(text.encode()).hexdigest()
            found.append(Migration(int(matched[1]), entry.name, text, checksum))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationFault(f"migrations must be numbered 0001, 0002 …: {[each.name for each in found]}")
    return found


async def _apply_missing(connection: Any, service: str, files: list[Migration]) -> list[str]:
    await connection.execute(f"create schema if not exists {service}")
    await connection.execute(
        f"create table if not exists {service}.migration (number int primary key, name text not null,"
        " checksum text not null, applied_at timestamptz not null default now())"
    )
    applied = await _applied(connection, service)
    _check_unchanged(files, applied)
    missing = [file for file in files if file.number not in applied]
    for file in missing:
        async with connection.transaction():
            await connection.execute(f"set local search_path to {service}, public")
            await connection.execute(file.text)
            await connection.execute(
                f"insert into {service}.migration (number, name, checksum) values ($1, $2, $3)",
                file.number,
                file.name,
                file.checksum,
            )
    return [file.name for file in missing]


async def _applied(connection: Any, service: str) -> dict[int, tuple[str, str]]:
    if await connection.fetchval("select to_regclass($1)", f"{service}.migration") is None:
        return {}
    rows = await connection.fetch(f"select number, name, checksum from {service}.migration")
    return {row["number"]: (row["name"], row["checksum"]) for row in rows}


def _check_unchanged(files: list[Migration], applied: dict[int, tuple[str, str]]) -> None:
    for file in files:
        name, checksum = applied.get(file.number, (file.name, file.checksum))
        if checksum != file.checksum:
            raise MigrationFault(
                f"{file.name} was changed after it had been applied (as {name}): add a new file instead"
            )


@contextlib.asynccontextmanager
async def _connection(dsn_or_connection: Any, service: str) -> AsyncIterator[Any]:
    if isinstance(dsn_or_connection, str):
        async with direct(dsn_or_connection, name=f"{service}-migrations") as connection:
            yield connection
    else:
        yield dsn_or_connection
