"""What every object store does."""

import hashlib

import pytest

from chassis.object_store import ObjectMissing, ObjectStore


def named(content: bytes) -> tuple[str, bytes]:
    return hashlib.sha256(content).hexdigest(), content


class ObjectStoreBehaviour:
    @pytest.mark.parametrize("size", [0, 1, 128 * 1024, 1_000_000])
    async def test_what_was_put_is_what_is_got(self, objects: ObjectStore, size: int) -> None:
        name, content = named(bytes(range(256)) * (size // 256 + 1))
        await objects.put(name, content[:size])
        assert await objects.get(name) == content[:size]

    async def test_putting_again_changes_nothing(self, objects: ObjectStore) -> None:
        name, content = named(b"version 1")
        await objects.put(name, content)
        await objects.put(name, content)
        assert await objects.get(name) == content

    async def test_what_was_never_put_is_missing(self, objects: ObjectStore) -> None:
        with pytest.raises(ObjectMissing):
            await objects.get("0" * 64)

    async def test_what_was_deleted_is_missing_and_can_be_put_again(self, objects: ObjectStore) -> None:
        name, content = named(b"gone" * 100_000)
        await objects.delete(name)
        await objects.put(name, content)
        for _ in range(2):
            await objects.delete(name)
        with pytest.raises(ObjectMissing):
            await objects.get(name)
        await objects.put(name, content)
        assert await objects.get(name) == content
