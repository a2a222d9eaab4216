"""The bucket of secrets in memory passes the suite."""

import pytest
from tests.chassis.vault.bucket_suite import SecretBucketBehaviour

from chassis.memory.secret_bucket import MemorySecretBucket

pytestmark = pytest.mark.unit


@pytest.fixture
def bucket() -> MemorySecretBucket:
    return MemorySecretBucket()


class TestInMemory(SecretBucketBehaviour):
    """See the suite."""
