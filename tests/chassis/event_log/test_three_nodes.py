"""The event log on three nodes of JetStream passes the suite; they answer retries otherwise than one."""

import pytest
from tests.chassis.event_log.suite import EventLogBehaviour

from chassis.nats.event_log import NatsEventLog

pytestmark = pytest.mark.integration


@pytest.fixture
def log(three_node_log: NatsEventLog) -> NatsEventLog:
    return three_node_log


class TestOnThreeNodes(EventLogBehaviour):
    """See the suite."""
