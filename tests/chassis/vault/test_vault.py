"""Secrets at rest: what is sealed opens in its own place and in no other, by the keys that were given."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.memory.secret_bucket import MemorySecretBucket
from chassis.sealing import SealBroken, new_key
from chassis.secret_bucket import Kept
from chassis.vault import Keyring, KeyUnknown, SecretMissing, Vault

pytestmark = pytest.mark.unit

OLD, NEW = b"o" * 32, b"n" * 32
ids = st.text("abcXYZ019_-", min_size=1, max_size=12)


def a_vault(bucket: MemorySecretBucket | None = None, keys: list[bytes] | None = None) -> Vault:
    return Vault(bucket=bucket or MemorySecretBucket(), keys=Keyring(keys or [OLD]))


@given(customer=ids, entity=ids, field=ids, secret=st.binary(max_size=200))
async def test_what_is_sealed_opens_again(customer: str, entity: str, field: str, secret: bytes) -> None:
    vault = a_vault()
    id = await vault.put(customer=customer, entity=entity, field=field, secret=secret)
    assert await vault.get(customer=customer, entity=entity, field=field, id=id) == secret


@given(here=st.tuples(ids, ids, ids), there=st.tuples(ids, ids, ids))
async def test_a_ciphertext_opens_in_no_other_place(here: tuple[str, str, str], there: tuple[str, str, str]) -> None:
    bucket = MemorySecretBucket()
    vault = a_vault(bucket)
    mine = await vault.put(customer=here[0], entity=here[1], field=here[2], secret=b"mine")
    other = await vault.put(customer=there[0], entity=there[1], field=there[2], secret=b"other")
    source, goal = f"secret.{here[0]}.{mine}", f"secret.{there[0]}.{other}"
    bucket.kept[goal] = bucket.kept[source]
    with pytest.raises(SealBroken):
        await vault.get(customer=there[0], entity=there[1], field=there[2], id=other)
    if here != there:
        bucket.kept[f"secret.{there[0]}.{mine}"] = bucket.kept[source]
        with pytest.raises(SealBroken):
            await vault.get(customer=there[0], entity=there[1], field=there[2], id=mine)


@given(st.data())
async def test_no_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    bucket = MemorySecretBucket()
    vault = a_vault(bucket)
    id = await vault.put(customer="acme", entity="tool", field="secret", secret=b"word")
    name = f"secret.acme.{id}"
    kept = msgspec.json.decode(bucket.kept[name].content)
    sealed = bytearray(msgspec.convert(kept["sealed"], bytes))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    bucket.kept[name] = Kept(msgspec.json.encode({**kept, "sealed": bytes(sealed)}), 1)
    with pytest.raises(SealBroken):
        await vault.get(customer="acme", entity="tool", field="secret", id=id)


async def test_a_wrapped_key_opens_for_no_other_customer() -> None:
    bucket = MemorySecretBucket()
    await a_vault(bucket).put(customer="acme", entity="tool", field="secret", secret=b"word")
    bucket.kept["key.other"] = bucket.kept["key.acme"]
    with pytest.raises(SealBroken):
        await a_vault(bucket).put(customer="other", entity="tool", field="secret", secret=b"word")


async def test_equal_secrets_are_kept_unequal_and_nothing_open_is_kept() -> None:
    bucket = MemorySecretBucket()
    vault = a_vault(bucket)
    for _ in range(200):
        await vault.put(customer="acme", entity="tool", field="secret", secret=b"canary-word")
    contents = [kept.content for kept in bucket.kept.values()]
    assert len(set(contents)) == 201
    assert not any(b"canary-word" in content for content in contents)


async def test_a_forgotten_secret_is_missing_and_so_is_one_of_another_customer() -> None:
    vault = a_vault()
    id = await vault.put(customer="acme", entity="tool", field="secret", secret=b"word")
    with pytest.raises(SecretMissing):
        await vault.get(customer="other", entity="tool", field="secret", id=id)
    await vault.forget(customer="acme", id=id)
    with pytest.raises(SecretMissing):
        await vault.get(customer="acme", entity="tool", field="secret", id=id)


async def test_a_secret_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="4096"):
        await a_vault().put(customer="acme", entity="tool", field="secret", secret=b"x" * 4097)


async def test_two_processes_that_meet_a_customer_first_agree_on_one_key() -> None:
    bucket = MemorySecretBucket()
    vaults = [a_vault(bucket) for _ in range(8)]
    made = await asyncio.gather(
        *(vault.put(customer="acme", entity="tool", field="secret", secret=b"word") for vault in vaults)
    )
    for id in made:
        assert await a_vault(bucket).get(customer="acme", entity="tool", field="secret", id=id) == b"word"


async def test_a_rotated_key_leaves_the_ciphertexts_alone_and_the_old_key_opens_nothing() -> None:
    bucket = MemorySecretBucket()
    id = await a_vault(bucket).put(customer="acme", entity="tool", field="secret", secret=b"word")
    sealed = bucket.kept[f"secret.acme.{id}"]
    rotated = a_vault(bucket, [NEW, OLD])
    assert (await rotated.rewrap(), await rotated.rewrap()) == (1, 0)
    assert bucket.kept[f"secret.acme.{id}"] == sealed
    assert await a_vault(bucket, [NEW]).get(customer="acme", entity="tool", field="secret", id=id) == b"word"
    with pytest.raises(KeyUnknown):
        await a_vault(bucket, [OLD]).get(customer="acme", entity="tool", field="secret", id=id)


async def test_reading_wraps_anew_without_a_pass() -> None:
    bucket = MemorySecretBucket()
    id = await a_vault(bucket).put(customer="acme", entity="tool", field="secret", secret=b"word")
    await a_vault(bucket, [NEW, OLD]).get(customer="acme", entity="tool", field="secret", id=id)
    assert await a_vault(bucket, [NEW]).rewrap() == 0


@pytest.mark.parametrize("text", ["", "xyz", "00" * 31, "00" * 32 + ",", f"{'00' * 32},{'00' * 33}"])
def test_keys_that_are_not_keys_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|hexadecimal"):
        Keyring.parse(text)


def test_keys_are_read_with_the_current_one_first() -> None:
    first, second = new_key(), new_key()
    keyring = Keyring.parse(f"{first.hex()}, {second.hex()}")
    assert keyring.key(keyring.current) == first
