"""Sealed secrets in memory: passes the same suite as the bucket on JetStream."""

from chassis.secret_bucket import ChangedMeanwhile, Kept


class MemorySecretBucket:
    """The port `chassis.secret_bucket.SecretBucket`."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self._revision = 0

    async def get(self, name: str) -> Kept | None:
        """See the port."""
        found = self.kept.get(name)
        return found if found is not None and found.content else None

    async def put(self, name: str, content: bytes, *, expected: int) -> int:
        """See the port."""
        found = self.kept.get(name, Kept(b"", 0))
        if found.revision != expected:
            if found.content == content:
                return found.revision
            raise ChangedMeanwhile(name)
        return self._write(name, content)

    async def delete(self, name: str) -> None:
        """See the port."""
        if name in self.kept:
            self._write(name, b"")

    async def names(self, kind: str) -> list[str]:
        """See the port."""
        return sorted(name for name, kept in self.kept.items() if name.startswith(f"{kind}.") and kept.content)

    def _write(self, name: str, content: bytes) -> int:
        self._revision += 1
        self.kept[name] = Kept(content, self._revision)
        return self._revision
