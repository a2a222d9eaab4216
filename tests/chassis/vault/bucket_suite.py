"""What every bucket of secrets does."""

import asyncio

import pytest

from chassis.secret_bucket import ChangedMeanwhile, SecretBucket


class SecretBucketBehaviour:
    async def test_what_was_put_is_what_is_got(self, bucket: SecretBucket) -> None:
        revision = await bucket.put("key.a", bytes(range(256)), expected=0)
        kept = await bucket.get("key.a")
        assert kept is not None
        assert (kept.content, kept.revision) == (bytes(range(256)), revision)

    async def test_nothing_was_put(self, bucket: SecretBucket) -> None:
        assert await bucket.get("key.none") is None

    async def test_a_value_is_replaced_by_who_has_seen_the_last_one(self, bucket: SecretBucket) -> None:
        first = await bucket.put("key.b", b"one", expected=0)
        second = await bucket.put("key.b", b"two", expected=first)
        for stale in (0, first, second + 100):
            with pytest.raises(ChangedMeanwhile):
                await bucket.put("key.b", b"three", expected=stale)
        kept = await bucket.get("key.b")
        assert kept is not None
        assert kept.content == b"two"

    async def test_of_many_first_writers_one_wins(self, bucket: SecretBucket) -> None:
        writes = [bucket.put("key.c", f"{number}".encode(), expected=0) for number in range(8)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, ChangedMeanwhile) for outcome in outcomes) == 7

    async def test_what_is_deleted_is_gone_and_deleting_again_is_safe(self, bucket: SecretBucket) -> None:
        await bucket.put("secret.a.b", b"word", expected=0)
        await bucket.delete("secret.a.b")
        await bucket.delete("secret.a.b")
        await bucket.delete("secret.a.never")
        assert await bucket.get("secret.a.b") is None

    async def test_names_are_told_by_kind_without_the_deleted(self, bucket: SecretBucket) -> None:
        for name in ("one.x", "one.y", "one.z", "two.x"):
            await bucket.put(name, b"1", expected=0)
        await bucket.delete("one.y")
        assert await bucket.names("one") == ["one.x", "one.z"]
        assert await bucket.names("none") == []
