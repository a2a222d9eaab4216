"""Compares two generations of a projection row by row, and says which rows differ and where."""

from typing import Any, Literal

import msgspec

from chassis.postgres.generations import primary_key_of, tables_of
from chassis.postgres.names import identifier
from chassis.postgres.pool import Connection

Kind = Literal["missing", "extra", "different"]
"""Seen from the live tables: a row that should be there and is not, one that should not, one with other values."""


class Difference(msgspec.Struct, frozen=True):
    """One row of `table` that is not as a rebuild makes it. `key` holds the primary key's columns; `columns` names
    those that differ (of a different row).
    """

    projection: str
    table: str
    key: dict[str, Any]
    kind: Kind
    columns: list[str] = []


class Comparison(msgspec.Struct, frozen=True):
    """`differences` has at most the asked number; `more` says that there were others. `excused` are rows of sessions
    that one of the two had parked.
    """

    differences: list[Difference]
    excused: list[Difference]
    rows: int
    more: bool = False


async def compare(
    connection: Connection, *, projection: str, live: str, beside: str, parked: set[str], limit: int
) -> Comparison:
    """Compare the tables of the schemas `live` and `beside`, in the snapshot of the caller's transaction.

    `parked` holds the ids of sessions whose rows may differ. Both schemas were made by the same DDL.
    """
    differences: list[Difference] = []
    excused: list[Difference] = []
    rows, more = 0, False
    for table in await tables_of(connection, beside):
        key = await primary_key_of(connection, beside, identifier(table))
        found = await connection.fetch(_statement(live, beside, table, key), limit + len(parked) * 10 + 1)
        rows += await connection.fetchval(f"select count(*) from {beside}.{table}")
        for row in found:
            difference = _difference(projection, table, key, row["live"], row["beside"])
            values = {value for side in (row["live"], row["beside"]) if side for value in _texts(side)}
            if values & parked:
                excused.append(difference)
            elif len(differences) < limit:
                differences.append(difference)
            else:
                more = True
    return Comparison(differences, excused, rows, more)


def _statement(live: str, beside: str, table: str, key: list[str]) -> str:
    """Rows as text are compared: that works for every type and is exact for floats."""
    columns = ", ".join(f'"{column}"' for column in key)
    return (
        f"select to_jsonb(l) as live, to_jsonb(b) as beside from {live}.{table} l full join {beside}.{table} b"
        f" using ({columns}) where l::text is distinct from b::text order by {columns} limit $1"
    )


def _difference(
    projection: str, table: str, key: list[str], live: dict[str, Any] | None, beside: dict[str, Any] | None
) -> Difference:
    row = live or beside or {}
    named = {column: row[column] for column in key}
    if live is None:
        return Difference(projection, table, named, "missing")
    if beside is None:
        return Difference(projection, table, named, "extra")
    return Difference(projection, table, named, "different", [name for name in live if live[name] != beside[name]])


def _texts(row: dict[str, Any]) -> list[str]:
    return [value for value in row.values() if isinstance(value, str)]
