"""The bucket of secrets on JetStream passes the suite; it keeps nothing that was replaced; keys rotate under load."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.chassis.vault.bucket_suite import SecretBucketBehaviour
from tests.support.until import until

from chassis.event_log import LogFault
from chassis.nats import messages
from chassis.nats.connection import Client, connect
from chassis.nats.logs import declare_logs
from chassis.nats.secret_bucket import NatsSecretBucket
from chassis.sealing import new_key
from chassis.vault import Keyring, Vault
from contracts.subjects import SECRETS_BUCKET

pytestmark = pytest.mark.integration


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[Client]:
    async with connect(nats_url, name="secret-tests") as client:
        await declare_logs(client, replicas=1)
        yield client


@pytest.fixture
def bucket(client: Client) -> NatsSecretBucket:
    return NatsSecretBucket(client, SECRETS_BUCKET)


class TestOnNats(SecretBucketBehaviour):
    """See the suite."""


async def test_what_was_replaced_or_deleted_is_not_kept(client: Client, bucket: NatsSecretBucket) -> None:
    first = await bucket.put("secret.a.b", b"old", expected=0)
    second = await bucket.put("secret.a.b", b"new", expected=first)
    await bucket.delete("secret.a.b")
    for sequence in (first, second):
        assert await messages.message_at(client, f"KV_{SECRETS_BUCKET}", sequence, timeout_s=5) is None


async def test_a_bucket_that_is_not_there_is_a_fault(client: Client) -> None:
    missing = NatsSecretBucket(client, "NOT_THERE", timeout_s=1)
    with pytest.raises(LogFault):
        await missing.put("key.a", b"x", expected=0)
    with pytest.raises(LogFault):
        await missing.get("key.a")


async def test_rotating_the_key_under_load_fails_no_request(client: Client, bucket: NatsSecretBucket) -> None:
    """The three steps of the docstring of chassis.vault, over processes that write and read all the while."""
    old, new = new_key(), new_key()
    vaults = [Vault(bucket=bucket, keys=Keyring([old])) for _ in range(3)]
    stop, done = asyncio.Event(), 0

    async def use(place: int) -> None:
        nonlocal done
        while not stop.is_set():
            customer = f"cus{done % 5}"
            id = await vaults[place].put(customer=customer, entity="tool", field="secret", secret=b"word")
            reader = vaults[(place + 1) % 3]
            assert await reader.get(customer=customer, entity="tool", field="secret", id=id) == b"word"
            done += 1

    async def after(more: int) -> None:
        goal = done + more
        await until(lambda: done >= goal or any(task.done() for task in users), timeout_s=30, what="more use")

    users = [asyncio.create_task(use(place)) for place in range(3)]
    async with asyncio.timeout(60):
        for keys in ([old, new], [new, old]):
            for place in range(3):
                await after(10)
                vaults[place] = Vault(bucket=bucket, keys=Keyring(keys))
        await after(10)
        await vaults[0].rewrap()
        assert await vaults[0].rewrap() == 0
        for place in range(3):
            vaults[place] = Vault(bucket=bucket, keys=Keyring([new]))
        await after(20)
        stop.set()
        await asyncio.gather(*users)
    assert done >= 90
