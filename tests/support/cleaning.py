"""Leaves a shared server as a test found it: every stream gone, a database of its own for each test."""

import asyncio
import json

import asyncpg
import nats
from nats.aio.client import Client


async def delete_every_stream(url: str) -> None:
    """Buckets of keys and of objects are streams as well. Raises TimeoutError after a minute."""
    connection = await nats.connect(url, connect_timeout=5)
    log = connection.jetstream(timeout=10)
    try:
        async with asyncio.timeout(60):
            while names := await _stream_names(connection):
                for name in names:
                    await log.delete_stream(name)
    finally:
        await connection.close()


async def _stream_names(connection: Client) -> list[str]:
    """The first thousand. By name, because the list of streams leaves out those that have no leader just now."""
    answer = await connection.request("$JS.API.STREAM.NAMES", b"{}", timeout=10)
    names: list[str] | None = json.loads(answer.data).get("streams")
    return names or []


async def create_database(dsn: str, name: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    finally:
        await connection.close()


async def drop_database(dsn: str, name: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()
