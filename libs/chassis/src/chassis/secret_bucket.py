"""The port to where sealed secrets are kept: small values by name, replaced with a guard, and really deleted.

Unlike a log it forgets: what was replaced or deleted is gone. It never sees an open secret.
"""

from typing import Protocol

import msgspec


class Kept(msgspec.Struct, frozen=True):
    """A value and the revision that replaces it."""

    content: bytes
    revision: int


class ChangedMeanwhile(Exception):
    """Another writer was first; nothing was written."""

    code = "changed_meanwhile"


class SecretBucket(Protocol):
    """Names are ids joined by dots. Raises chassis.event_log.LogFault when out of reach."""

    async def get(self, name: str) -> Kept | None:
        """The value, from the leader; None where there is none."""

    async def put(self, name: str, content: bytes, *, expected: int) -> int:
        """Write where the revision is still `expected` (0: never written); returns the new one.

        `content` is never written twice: two writes of equal bytes are one. Raises ChangedMeanwhile.
        """

    async def delete(self, name: str) -> None:
        """Forget the value; twice is safe."""

    async def names(self, kind: str) -> list[str]:
        """All names whose first part is `kind`."""
