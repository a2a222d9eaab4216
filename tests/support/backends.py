"""The two ways to have a real NATS and a real PostgreSQL in a test: the servers of the wheels, or containers.

`BATON_TEST_BACKEND=docker` chooses the containers. Both give the same two things, so no test knows which it got. And
LiveKit, in the one way that there is.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tests.support.private_loop import PrivateLoop

from chassis.embedded.livekit import LiveKitServer
from chassis.embedded.nats_server import NatsServer
from chassis.embedded.postgres import Postgres

NATS_IMAGE = "nats:2.15-alpine"
POSTGRES_IMAGE = "pgvector/pgvector:pg18"
_PASSWORD = "test-password"


class RunningNats(Protocol):
    @property
    def url(self) -> str: ...


class RunningPostgres(Protocol):
    def dsn_of(self, database: str) -> str: ...


def in_docker() -> bool:
    chosen = os.environ.get("BATON_TEST_BACKEND", "wheels")
    if chosen not in ("wheels", "docker"):
        raise ValueError(f"BATON_TEST_BACKEND is 'wheels' or 'docker', not {chosen!r}")
    return chosen == "docker"


@contextlib.contextmanager
def a_nats(loop: PrivateLoop, folder: Path) -> Iterator[RunningNats]:
    if in_docker():
        from tests.support.containers import a_nats_container

        with a_nats_container(loop, NATS_IMAGE, _PASSWORD) as container:
            yield container
        return
    server = NatsServer(store=folder, password=_PASSWORD)
    loop.run(server.__aenter__())
    try:
        yield server
    finally:
        loop.run(server.stop())


@contextlib.contextmanager
def a_postgres(loop: PrivateLoop, folder: Path) -> Iterator[RunningPostgres]:
    if in_docker():
        from tests.support.containers import a_postgres_container

        with a_postgres_container(loop, POSTGRES_IMAGE, _PASSWORD) as container:
            yield container
        return
    server = Postgres(folder=folder, password=_PASSWORD, fast=True)
    loop.run(server.__aenter__())
    try:
        yield server
    finally:
        loop.run(server.stop())


@contextlib.contextmanager
def a_livekit(loop: PrivateLoop, binary: Path, folder: Path) -> Iterator[LiveKitServer]:
    """The real server, without webhooks."""
    server = LiveKitServer(binary=binary, folder=folder, key="test", secret="test-secret-of-32-characters-long")
    loop.run(server.__aenter__())
    try:
        yield server
    finally:
        loop.run(server.stop())
