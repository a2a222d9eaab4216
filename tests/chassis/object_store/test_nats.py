"""The object store on JetStream passes the suite, and its objects are readable by others."""

from collections.abc import AsyncIterator

import pytest
from tests.chassis.object_store.suite import ObjectStoreBehaviour, named

from chassis.event_log import LogFault
from chassis.nats.connection import Client, connect
from chassis.nats.logs import declare_logs
from chassis.nats.object_store import NatsObjectStore
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET

pytestmark = pytest.mark.integration


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[Client]:
    async with connect(nats_url, name="object-store-tests") as client:
        await declare_logs(client, replicas=1)
        yield client


@pytest.fixture
def objects(client: Client) -> NatsObjectStore:
    return NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET)


class TestOnNats(ObjectStoreBehaviour):
    """See the suite."""


async def test_another_client_reads_the_object(client: Client, objects: NatsObjectStore) -> None:
    name, content = named(b"x" * 300_000)
    await objects.put(name, content)
    bucket = await client.jetstream().object_store(TEMPLATE_VERSIONS_BUCKET)
    assert (await bucket.get(name)).data == content


async def test_a_bucket_that_is_not_there_is_a_fault(client: Client) -> None:
    with pytest.raises(LogFault):
        await NatsObjectStore(client, "NOT_THERE").put(*named(b"x"))
