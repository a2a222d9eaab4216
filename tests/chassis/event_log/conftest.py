"""The event log on JetStream, on one node and on three that fsync before they answer."""

from collections.abc import AsyncIterator

import pytest

from chassis.embedded.nats_cluster import NatsCluster
from chassis.nats.connection import Client, connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs


@pytest.fixture
async def one_node(nats_url: str) -> AsyncIterator[Client]:
    """A connection to one node with the logs declared."""
    async with connect(nats_url, name="event-log-tests") as client:
        await declare_logs(client, replicas=1)
        yield client


@pytest.fixture
async def three_nodes(nats_cluster: NatsCluster) -> AsyncIterator[Client]:
    """A connection to a cluster of three with the logs declared."""
    async with connect(",".join(nats_cluster.urls), name="event-log-tests") as client:
        await declare_logs(client, replicas=3)
        yield client


@pytest.fixture
def one_node_log(one_node: Client) -> NatsEventLog:
    return NatsEventLog(one_node)


@pytest.fixture
def three_node_log(three_nodes: Client) -> NatsEventLog:
    return NatsEventLog(three_nodes, timeout_s=20)
