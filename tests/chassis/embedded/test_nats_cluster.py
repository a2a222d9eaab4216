"""A cluster of three: it forms, survives the death of a node, and takes it back."""

import nats
import nats.errors
import pytest
from nats.js import JetStreamContext
from tests.support.until import until

from chassis.embedded.nats_cluster import NatsCluster

pytestmark = pytest.mark.integration


async def accepted(log: JetStreamContext, subject: str) -> bool:
    """While a leader is being elected nobody answers."""
    try:
        await log.publish(subject, b"after", timeout=5, headers={"Nats-Msg-Id": "after"})
    except nats.errors.Error:
        return False
    return True


async def test_a_cluster_keeps_what_it_acknowledged_while_a_node_dies_and_returns(nats_cluster: NatsCluster) -> None:
    connection = await nats.connect(nats_cluster.urls[1])
    log = connection.jetstream(timeout=10)
    await log.add_stream(name="KEPT", subjects=["kept"], num_replicas=3)
    await log.publish("kept", b"before")
    nats_cluster.kill(0)
    await nats_cluster.restart(0)
    await nats_cluster.until_replicating()
    await until(lambda: accepted(log, "kept"), timeout_s=30, what="the stream has a leader again")
    assert (await log.stream_info("KEPT")).state.messages == 2
    await connection.close()


async def test_the_next_test_finds_three_nodes_and_no_stream(nats_cluster: NatsCluster) -> None:
    for url in nats_cluster.urls:
        connection = await nats.connect(url)
        assert await connection.jetstream(timeout=10).streams_info() == []
        await connection.close()
