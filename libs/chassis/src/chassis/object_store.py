"""The port to content-addressed objects: template versions, and large sealed content."""

from typing import Protocol


class ObjectMissing(Exception):
    """No object has that name."""

    code = "object_missing"


class ObjectStore(Protocol):
    """Immutable objects by name in one bucket. Raises chassis.event_log.LogFault when out of reach."""

    async def put(self, name: str, content: bytes) -> None:
        """Store; storing the same name twice is a no-op (names are content hashes)."""

    async def get(self, name: str) -> bytes:
        """Fetch; raises ObjectMissing."""

    async def delete(self, name: str) -> None:
        """Forget the content; twice is safe."""
