"""What every test may use: real servers, one set per worker, and a clean place on them for each test.

Also keeps the kinds honest: each test says whether it is unit, integration, e2e or chaos.
"""

import itertools
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from tests.support.backends import RunningNats, RunningPostgres, a_livekit, a_nats, a_postgres
from tests.support.cleaning import create_database, delete_every_stream, drop_database
from tests.support.private_loop import PrivateLoop

from chassis.embedded.livekit import LiveKitServer, find_or_build
from chassis.embedded.nats_cluster import NatsCluster

KINDS = ("unit", "integration", "e2e", "chaos")
_numbers = itertools.count(1)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module without a kind is an error of its collection (raising here would crash parallel workers)."""
    report = yield
    if isinstance(collector, pytest.Module) and report.passed and report.result and not _has_a_kind(collector):
        report.outcome = "failed"
        report.longrepr = f"{collector.path}: say what kind of test it is: pytestmark, one of {', '.join(KINDS)}"
        report.result = []
    return report


def _has_a_kind(module: pytest.Module) -> bool:
    return any(module.get_closest_marker(kind) for kind in KINDS)


@pytest.fixture(scope="session")
def private_loop() -> Iterator[PrivateLoop]:
    """For fixtures that start servers; a test has its own loop."""
    with PrivateLoop() as loop:
        yield loop


@pytest.fixture(scope="session")
def nats_server(private_loop: PrivateLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNats]:
    """One node, shared by all tests of the worker: take `nats_url` unless you clean up yourself."""
    with a_nats(private_loop, tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(private_loop: PrivateLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    """Shared by all tests of the worker: take `database`."""
    with a_postgres(private_loop, tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def nats_url(nats_server: RunningNats, private_loop: PrivateLoop) -> Iterator[str]:
    """A NATS without a stream on it, whose streams are deleted after the test."""
    yield nats_server.url
    private_loop.run(delete_every_stream(nats_server.url))


@pytest.fixture(scope="session")
def shared_nats_cluster(private_loop: PrivateLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Started by the first test of the worker that asks; take `nats_cluster`."""
    cluster = NatsCluster(folder=tmp_path_factory.mktemp("nats-cluster"))
    private_loop.run(cluster.__aenter__())
    yield cluster
    private_loop.run(cluster.stop())


@pytest.fixture
def nats_cluster(shared_nats_cluster: NatsCluster, private_loop: PrivateLoop) -> Iterator[NatsCluster]:
    """Three nodes that fsync before each acknowledgement, without a stream on them. Nodes that the test kills come
    back.
    """
    yield shared_nats_cluster
    private_loop.run(_restore(shared_nats_cluster))


async def _restore(cluster: NatsCluster) -> None:
    for number, node in enumerate(cluster.nodes):
        if not node.child.running:
            await cluster.restart(number)
    await cluster.until_replicating()
    await delete_every_stream(cluster.urls[0])


@pytest.fixture(scope="session")
def livekit_binary(private_loop: PrivateLoop) -> Path:
    """Built on the machine's first run, which takes minutes; the real server is never skipped."""
    return private_loop.run(find_or_build(print), timeout_s=21 * 60)


@pytest.fixture(scope="session")
def livekit_server(
    livekit_binary: Path, private_loop: PrivateLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveKitServer]:
    """Without webhooks, shared by all tests of the worker: give rooms names of your own."""
    with a_livekit(private_loop, livekit_binary, tmp_path_factory.mktemp("livekit")) as server:
        yield server


@pytest.fixture
def database(postgres_server: RunningPostgres, private_loop: PrivateLoop) -> Iterator[str]:
    """The DSN of an empty database of the test's own."""
    name = f"test_{next(_numbers)}"
    admin = postgres_server.dsn_of("postgres")
    private_loop.run(create_database(admin, name))
    yield postgres_server.dsn_of(name)
    private_loop.run(drop_database(admin, name))
