"""The object store in memory passes the suite."""

import pytest
from tests.chassis.object_store.suite import ObjectStoreBehaviour

from chassis.memory.object_store import MemoryObjectStore

pytestmark = pytest.mark.unit


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


class TestInMemory(ObjectStoreBehaviour):
    """See the suite."""
