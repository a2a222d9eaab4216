"""Leaves a shared server as a test found it: every stream gone, a database of its own for each test."""

import asyncpg
import nats
import nats.js.errors


async def delete_every_stream(url: str) -> None:
    """Buckets of keys and of objects are streams as well."""
    connection = await nats.connect(url, connect_timeout=5)
    try:
        log = connection.jetstream(timeout=10)
        for stream in await log.streams_info():
            await log.delete_stream(str(stream.config.name))
    finally:
        await connection.close()


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
