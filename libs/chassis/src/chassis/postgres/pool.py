"""Connections to PostgreSQL, each with a bound on every wait, a name, and JSON by msgspec.

A pool serves requests. What holds a session-wide thing (an advisory lock, a search path) takes a direct connection.
"""

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import msgspec

from chassis.postgres.names import identifier

_CONNECT_S = 5.0
_ACQUIRE_IDLE_S = 300.0
_STATEMENT_S = 30.0
_DIRECT_STATEMENT_S = 120.0
_MARGIN_S = 2.0

Pool = asyncpg.Pool
Connection = asyncpg.Connection


@contextlib.asynccontextmanager
async def open_pool(
    dsn: str, *, name: str, schema: str | None = None, min: int = 1, max: int = 10, statement_s: float = _STATEMENT_S
) -> AsyncIterator[Pool]:
    """A pool called `name` on the server; with `schema`, its unqualified names mean that schema first.

    A statement runs at most `statement_s` seconds, then raises asyncpg.QueryCanceledError. `json` and `jsonb` are
    Python values. Raises OSError, TimeoutError or asyncpg.PostgresError when the server cannot be reached.
    """
    settings = _settings(name, statement_s)
    if schema is not None:
        settings["search_path"] = f"{identifier(schema)}, public"
    pool = asyncpg.create_pool(
        dsn,
        min_size=min,
        max_size=max,
        timeout=_CONNECT_S,
        command_timeout=statement_s + _MARGIN_S,
        max_inactive_connection_lifetime=_ACQUIRE_IDLE_S,
        server_settings=settings,
        init=_use_msgspec,
        reset=_nothing_to_reset,
    )
    async with pool:
        yield pool


@contextlib.asynccontextmanager
async def direct(
    dsn: str, *, name: str = "baton", statement_s: float = _DIRECT_STATEMENT_S
) -> AsyncIterator[Connection]:
    """One connection of one's own, for advisory locks and long transactions; errors as `open_pool`."""
    connection = await asyncpg.connect(
        dsn,
        timeout=_CONNECT_S,
        command_timeout=statement_s + _MARGIN_S,
        server_settings=_settings(name, statement_s),
    )
    try:
        await _use_msgspec(connection)
        yield connection
    finally:
        await _close(connection)


async def _close(connection: Connection) -> None:
    """Politely within a bound, else at once: a lock must not outlive its holder because a goodbye was slow."""
    try:
        await connection.close(timeout=_MARGIN_S)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


def _settings(name: str, statement_s: float) -> dict[str, str]:
    return {
        "application_name": name[:63],
        "statement_timeout": str(int(statement_s * 1000)),
        "idle_in_transaction_session_timeout": "60000",
        # A host that vanished must lose its locks within half a minute.
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    }


async def _use_msgspec(connection: Connection) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind, schema="pg_catalog", encoder=_encode_json, decoder=msgspec.json.decode, format="text"
        )


async def _nothing_to_reset(connection: Connection) -> None:
    """asyncpg has rolled back what was open. It would ask the server to forget session-wide things too, a round trip
    per request; a pool's connections hold none (see above).
    """


def _encode_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
