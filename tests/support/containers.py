"""NATS and PostgreSQL in containers, for BATON_TEST_BACKEND=docker; imported only then.

Not yet run against a Docker daemon: type-checked only.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable, Iterator

import asyncpg
import nats.errors
from nats.aio.client import Client
from testcontainers.core.container import DockerContainer
from tests.support.private_loop import PrivateLoop

_USER = "baton"
_START_S = 60.0
_POLL_S = 0.2


@dataclasses.dataclass(frozen=True)
class NatsContainer:
    url: str


@dataclasses.dataclass(frozen=True)
class PostgresContainer:
    address: str
    password: str

    def dsn_of(self, database: str) -> str:
        return f"postgresql://{_USER}:{self.password}@{self.address}/{database}"


@contextlib.contextmanager
def a_nats_container(loop: PrivateLoop, image: str, password: str) -> Iterator[NatsContainer]:
    command = f"-js -sd /data --user {_USER} --pass {password}"
    with DockerContainer(image).with_command(command).with_exposed_ports(4222) as container:
        url = f"nats://{_USER}:{password}@{_address(container, 4222)}"
        loop.run(_until(lambda: _nats_answers(url)))
        yield NatsContainer(url)


@contextlib.contextmanager
def a_postgres_container(loop: PrivateLoop, image: str, password: str) -> Iterator[PostgresContainer]:
    container = DockerContainer(image).with_exposed_ports(5432).with_env("POSTGRES_USER", _USER)
    container = container.with_env("POSTGRES_PASSWORD", password).with_env("POSTGRES_DB", "postgres")
    with container.with_command("postgres -c fsync=off -c max_connections=200"):
        found = PostgresContainer(_address(container, 5432), password)
        loop.run(_until(lambda: _postgres_answers(found.dsn_of("postgres"))))
        yield found


def _address(container: DockerContainer, port: int) -> str:
    return f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"


async def _until(answers: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_START_S):
        while not await answers():  # noqa: ASYNC110 (another process has no event to wait for)
            await asyncio.sleep(_POLL_S)


async def _nats_answers(url: str) -> bool:
    connection = Client()
    try:
        await connection.connect(url, connect_timeout=2, allow_reconnect=False)
        await connection.jetstream().account_info()
    except (OSError, nats.errors.Error):
        return False
    finally:
        await connection.close()
    return True


async def _postgres_answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=2)
        await connection.close()
    except (OSError, asyncpg.PostgresError):
        return False
    return True
