"""The event log in memory passes the suite."""

import pytest
from tests.chassis.event_log.suite import EventLogBehaviour

from chassis.memory.event_log import MemoryEventLog

pytestmark = pytest.mark.unit


@pytest.fixture
def log() -> MemoryEventLog:
    return MemoryEventLog()


class TestInMemory(EventLogBehaviour):
    """See the suite."""
