"""P3: `POST /api/session/start` with its events acknowledged, against a bare handler that only mints a token.

Ours runs as `baton run gateway`, on a real NATS, PostgreSQL and LiveKit, for one customer, whose admissions stand in
one line. With dispatch at the start, a session counts when LiveKit has its room and its dispatch. Each round's sessions
are ended before the next round, outside of what is measured: no worker is here to serve them.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
from livekit import api

from bench.figures import Figure, Goal, Progress, figure, in_turns
from bench.http_load import Burst, burst, post
from bench.start_parts import StartParts, open_parts, template_of
from contracts.template_version import DispatchMoment

CONNECTIONS = 16
_BUSY_CLIENT = 0.7
_QUIET_S = 60.0
_POLL_S = 0.05


class Size(msgspec.Struct, frozen=True):
    """Requests a round: at_join, at_start, and the baseline's."""

    at_join: int
    at_start: int
    mints: int
    rounds: int


FULL = Size(at_join=300, at_start=100, mints=900, rounds=5)
QUICK = Size(at_join=40, at_start=20, mints=100, rounds=1)


class _Started(msgspec.Struct, frozen=True):
    session_id: str


async def measure(say: Progress, *, quick: bool = False) -> list[Figure]:
    """P3-at-join, P3-dispatch and P3-p99."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        async with open_parts(Path(folder), say) as parts:
            starts = _Starts(parts)
            say("P3: dispatch at join")
            joined = await in_turns(
                lambda: starts.at_join(size.at_join), lambda: starts.mint(size.mints), rounds=size.rounds
            )
            say("P3: dispatch at start")
            dispatched = await in_turns(
                lambda: starts.at_start(size.at_start), lambda: starts.mint(size.mints), rounds=size.rounds
            )
    return _figures(joined, dispatched)


class _Starts:
    """One round of each side."""

    def __init__(self, parts: StartParts) -> None:
        self._parts = parts
        self._headers = {"Authorization": f"Bearer {parts.api_key}"}

    async def mint(self, count: int) -> Burst:
        """The baseline; it gets the same requests."""
        return await burst(self._parts.mint_port, self._requests("/mint", "at_join", count), connections=CONNECTIONS)

    async def at_join(self, count: int) -> Burst:
        """Started and acknowledged."""
        found, _ = await self._start("at_join", count)
        await self._end(_sessions(found))
        return found

    async def at_start(self, count: int) -> Burst:
        """Started, acknowledged, and all in LiveKit."""
        found, started = await self._start("at_start", count)
        await self._until_dispatched(_sessions(found))
        elapsed_s = time.perf_counter() - started
        await self._end(_sessions(found))
        return msgspec.structs.replace(found, elapsed_s=elapsed_s)

    async def _start(self, moment: DispatchMoment, count: int) -> tuple[Burst, float]:
        requests = self._requests("/api/session/start", moment, count)
        started = time.perf_counter()
        return await burst(self._parts.gateway_port, requests, connections=CONNECTIONS), started

    def _requests(self, path: str, moment: DispatchMoment, count: int) -> list[bytes]:
        template = template_of(moment)
        bodies = ({"template_id": template, "user_info": {"id": f"user-{n}", "name": "Ada"}} for n in range(count))
        return [post(path, msgspec.json.encode(body), self._headers) for body in bodies]

    async def _until_dispatched(self, sessions: Sequence[str]) -> None:
        """Rooms come before their dispatches: of those that came last, the dispatches are looked at too."""
        missing = set(sessions)

        async def all_there() -> bool:
            there = await self._rooms(sorted(missing))
            if missing <= there:
                return True
            missing.difference_update(there)
            return False

        async def all_dispatched() -> bool:
            asked = [await self._parts.rooms.agent_dispatch.list_dispatch(room) for room in missing]
            return all(asked)

        await _until(all_there)
        await _until(all_dispatched)

    async def _end(self, sessions: Sequence[str]) -> None:
        """End them, and wait until their rooms are gone."""
        requests = [post(f"/api/session/{session}/end", b"", self._headers) for session in sessions]
        await burst(self._parts.gateway_port, requests, connections=CONNECTIONS)

        async def none_there() -> bool:
            return not await self._rooms([])

        await _until(none_there)

    async def _rooms(self, names: list[str]) -> set[str]:
        """Those of `names` that LiveKit has; with none, all that it has."""
        listed = await self._parts.rooms.room.list_rooms(api.ListRoomsRequest(names=names))
        return {room.name for room in listed.rooms}


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    """LiveKit has nothing to wait on: it is asked again and again."""
    async with asyncio.timeout(_QUIET_S):
        while not await done():  # noqa: ASYNC110 (see above)
            await asyncio.sleep(_POLL_S)


def _sessions(found: Burst) -> list[str]:
    return [msgspec.json.decode(body, type=_Started).session_id for body in found.bodies]


def _figures(joined: tuple[list[Burst], list[Burst]], dispatched: tuple[list[Burst], list[Burst]]) -> list[Figure]:
    what, mint = "POST /api/session/start", "against a bare mint"
    return [
        figure(
            id="P3-at-join",
            what=f"{what}, acked, dispatch at join, {mint}",
            unit="requests/s",
            goal=Goal("≥", 0.5),
            ours=[one.per_second for one in joined[0]],
            baseline=[one.per_second for one in joined[1]],
            note=_note(joined),
        ),
        figure(
            id="P3-dispatch",
            what=f"{what}, acked and dispatched at start, {mint}",
            unit="requests/s",
            goal=Goal("≥", 0.12),
            ours=[one.per_second for one in dispatched[0]],
            baseline=[one.per_second for one in dispatched[1]],
            note=_note(dispatched),
        ),
        figure(
            id="P3-p99",
            what=f"{what}, acked, dispatch at join, p99 latency, {mint}",
            unit="ms",
            goal=Goal("≤", 3),
            ours=[one.p99_ms for one in joined[0]],
            baseline=[one.p99_ms for one in joined[1]],
        ),
    ]


def _note(sides: tuple[list[Burst], list[Burst]]) -> str:
    """Whether the client was the bottleneck of either side."""
    shares = [max(one.client_share for one in side) for side in sides]
    told = f"the client took up to {shares[0]:.0%} of a core for ours, {shares[1]:.0%} for the baseline"
    return f"{told}: IT WAS A BOTTLENECK" if max(shares) > _BUSY_CLIENT else told
