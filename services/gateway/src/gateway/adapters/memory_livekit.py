"""LiveKit in memory, for tests: rooms, participants and dispatches, and the faults that the real one has.

A dispatch that finds no worker is dropped and never sent again; agents keep no room open; a restart forgets everything.
"""

import itertools
from collections.abc import Awaitable, Callable

import msgspec

from contracts.commands.jobs import JobMetadata
from gateway.adapters.rooms import LiveKitFault
from gateway.domain.reconcile import Participant, Room

Worker = Callable[[str, JobMetadata], Awaitable[None]]
"""Gets (room, metadata) of a dispatch, as a registered worker would."""


class MemoryRoom(msgspec.Struct):
    """One room: who is in it, and every dispatch that was asked for."""

    name: str
    sid: str
    empty_timeout_s: int
    departure_timeout_s: int
    participants: dict[str, Participant] = {}
    dispatches: list[JobMetadata] = []
    taken: int = 0


class MemoryLiveKit:
    """The port `gateway.adapters.rooms.Rooms`. Set `worker` to have dispatches answered, `down` to answer nothing."""

    def __init__(self) -> None:
        self.rooms: dict[str, MemoryRoom] = {}
        self.removed: list[tuple[str, str]] = []
        self.dispatched: list[tuple[str, JobMetadata]] = []
        self.worker: Worker | None = None
        self.down = False
        self._numbers = itertools.count(1)

    async def open_room(self, room: str, *, empty_timeout_s: int, departure_timeout_s: int) -> None:
        """See the port."""
        self._reach()
        if room not in self.rooms:
            self.rooms[room] = MemoryRoom(room, f"RM_{next(self._numbers)}", empty_timeout_s, departure_timeout_s)

    async def dispatch(self, room: str, metadata: JobMetadata) -> None:
        """See the port."""
        self._reach()
        if room not in self.rooms:
            raise LiveKitFault("LiveKit refused: not_found")
        self.rooms[room].dispatches.append(metadata)
        self.dispatched.append((room, metadata))
        if self.worker is not None:
            self.rooms[room].taken += 1
            await self.worker(room, metadata)

    async def look(self, room: str, *, now_s: float, dispatches: bool) -> Room:
        """See the port."""
        self._reach()
        found = self.rooms.get(room)
        if found is None:
            return Room(exists=False, seen_s=now_s)
        working = dispatches and found.taken > 0
        return Room(exists=True, seen_s=now_s, participants=tuple(found.participants.values()), working=working)

    async def remove(self, room: str, identity: str) -> None:
        """See the port."""
        self._reach()
        if room in self.rooms and self.rooms[room].participants.pop(identity, None) is not None:
            self.removed.append((room, identity))

    async def delete_room(self, room: str) -> None:
        """See the port."""
        self._reach()
        self.rooms.pop(room, None)

    def join(self, room: str, identity: str, *, agent: bool = False, epoch: int | None = None) -> Participant:
        """Somebody enters the room; a user's join makes the room where it is missing."""
        if room not in self.rooms:
            self.rooms[room] = MemoryRoom(room, f"RM_{next(self._numbers)}", 300, 20)
        one = Participant(identity=identity, sid=f"PA_{next(self._numbers)}", agent=agent, epoch=epoch)
        self.rooms[room].participants[identity] = one
        return one

    def leave(self, room: str, identity: str) -> None:
        """Somebody leaves by themselves."""
        self.rooms[room].participants.pop(identity, None)

    def restart(self) -> None:
        """Everything is forgotten."""
        self.rooms.clear()

    def _reach(self) -> None:
        if self.down:
            raise LiveKitFault("LiveKit did not answer: down")
