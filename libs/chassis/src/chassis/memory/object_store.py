"""Objects in memory: passes the same suite as the store on JetStream."""

from chassis.object_store import ObjectMissing


class MemoryObjectStore:
    """The port `chassis.object_store.ObjectStore`."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def put(self, name: str, content: bytes) -> None:
        """See the port."""
        self._objects.setdefault(name, content)

    async def get(self, name: str) -> bytes:
        """See the port."""
        try:
            return self._objects[name]
        except KeyError:
            raise ObjectMissing(name) from None

    async def delete(self, name: str) -> None:
        """See the port."""
        self._objects.pop(name, None)
