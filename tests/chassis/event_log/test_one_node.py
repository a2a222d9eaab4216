"""The event log on one node of JetStream passes the suite."""

import pytest
from tests.chassis.event_log.suite import EventLogBehaviour

from chassis.nats.event_log import NatsEventLog

pytestmark = pytest.mark.integration


@pytest.fixture
def log(one_node_log: NatsEventLog) -> NatsEventLog:
    return one_node_log


class TestOnOneNode(EventLogBehaviour):
    """See the suite."""
