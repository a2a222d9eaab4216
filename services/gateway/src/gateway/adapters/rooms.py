"""The port to LiveKit: rooms, dispatches and who is there. Adapters: livekit.py, and memory_livekit.py for tests."""

from typing import Protocol

from contracts.commands.jobs import JobMetadata
from gateway.domain.reconcile import Room
from gateway.domain.token import Grant

AGENT_NAME = "baton"
EPOCH_ATTRIBUTE = "baton.epoch"


class LiveKitFault(Exception):
    """LiveKit did not answer in time, or not as it should; trying again may help."""

    code = "livekit_unavailable"


class Rooms(Protocol):
    """What the gateway does with LiveKit. Every method is bounded in time and raises LiveKitFault."""

    async def open_room(self, room: str, *, empty_timeout_s: int, departure_timeout_s: int) -> None:
        """Make the room; nothing happens when it is there."""

    async def dispatch(self, room: str, metadata: JobMetadata) -> None:
        """Ask for one job. LiveKit drops it where no worker is willing, and never tries again."""

    async def look(self, room: str, *, now_s: float, dispatches: bool) -> Room:
        """The room as it is; `dispatches` asks too whether a worker took one (`working`)."""

    async def remove(self, room: str, identity: str) -> None:
        """Put a participant out; nothing happens when it is not there."""

    async def delete_room(self, room: str) -> None:
        """End the room with all who are in it; nothing happens when it is not there."""


class Tokens(Protocol):
    """Makes the token of a participant."""

    url: str
    """Where the browser connects; empty where there are no rooms."""

    def mint(self, grant: Grant) -> str:
        """A signed token; empty where there are no rooms."""


class Roomless:
    """No LiveKit: sessions are held without a room, by whoever claims them."""

    url = ""

    def mint(self, grant: Grant) -> str:
        """No token."""
        return ""
