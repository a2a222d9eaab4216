"""LiveKit through its server API (livekit-api 1.2). Every call is bounded; its errors become LiveKitFault.

livekit-api retries a failed call by itself with pauses; here that is off, since the reconciler looks again anyway.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from typing import TypeVar

import aiohttp
import msgspec
from livekit import api
from livekit.protocol.agent import JS_PENDING, JS_RUNNING
from livekit.protocol.agent_dispatch import AgentDispatch
from livekit.protocol.models import ParticipantInfo

from contracts.commands.jobs import JobMetadata
from gateway.adapters.rooms import AGENT_NAME, EPOCH_ATTRIBUTE, LiveKitFault
from gateway.domain.reconcile import Participant, Room
from gateway.domain.token import Grant

_CALL_S = 3.0
T = TypeVar("T")


class LiveKitTokens:
    """Signs tokens with the API secret."""

    def __init__(self, *, url: str, key: str, secret: str) -> None:
        self.url, self._key, self._secret = url, key, secret

    def mint(self, grant: Grant) -> str:
        """A JWT of one room, without room configuration: LiveKit would replay that after a restart."""
        rights = api.VideoGrants(
            room_join=True,
            room=grant.room,
            can_publish=True,
            can_subscribe=True,
            can_publish_data=True,
            can_publish_sources=grant.sources,
            can_update_own_metadata=False,
        )
        token = api.AccessToken(self._key, self._secret).with_identity(grant.identity).with_grants(rights)
        return token.with_metadata(grant.metadata).with_ttl(timedelta(seconds=grant.ttl_s)).to_jwt()


@contextlib.asynccontextmanager
async def open_livekit(*, url: str, key: str, secret: str) -> AsyncIterator["LiveKitRooms"]:
    """The port `gateway.adapters.rooms.Rooms` on a real server. Opens no connection before the first call."""
    timeout = aiohttp.ClientTimeout(total=_CALL_S)
    async with api.LiveKitAPI(url, key, secret, timeout=timeout, failover=False) as client:
        yield LiveKitRooms(client)


class LiveKitRooms:
    """See the port."""

    def __init__(self, client: api.LiveKitAPI) -> None:
        self._client = client

    async def open_room(self, room: str, *, empty_timeout_s: int, departure_timeout_s: int) -> None:
        """See the port."""
        request = api.CreateRoomRequest(name=room, empty_timeout=empty_timeout_s, departure_timeout=departure_timeout_s)
        await _bounded(self._client.room.create_room(request))

    async def dispatch(self, room: str, metadata: JobMetadata) -> None:
        """See the port."""
        request = api.CreateAgentDispatchRequest(
            agent_name=AGENT_NAME, room=room, metadata=msgspec.json.encode(metadata).decode()
        )
        await _bounded(self._client.agent_dispatch.create_dispatch(request))

    async def look(self, room: str, *, now_s: float, dispatches: bool) -> Room:
        """See the port. LiveKit lists no participants for a room that does not exist, hence the first question."""
        rooms = await _bounded(self._client.room.list_rooms(api.ListRoomsRequest(names=[room])))
        if not rooms.rooms:
            return Room(exists=False, seen_s=now_s)
        listed = await _if_found(self._client.room.list_participants(api.ListParticipantsRequest(room=room)))
        if listed is None:
            return Room(exists=False, seen_s=now_s)
        participants = tuple(_participant(one) for one in listed.participants)
        working = dispatches and await self._working(room)
        return Room(exists=True, seen_s=now_s, participants=participants, working=working)

    async def remove(self, room: str, identity: str) -> None:
        """See the port."""
        request = api.RoomParticipantIdentity(room=room, identity=identity)
        await _if_found(self._client.room.remove_participant(request))

    async def delete_room(self, room: str) -> None:
        """See the port."""
        await _if_found(self._client.room.delete_room(api.DeleteRoomRequest(room=room)))

    async def _working(self, room: str) -> bool:
        """A dropped dispatch has no job; one of a dead job keeps saying RUNNING, so this is a hint, no more."""
        found = await _if_found(self._client.agent_dispatch.list_dispatch(room))
        return any(_has_open_job(dispatch) for dispatch in found or [])


def _has_open_job(dispatch: AgentDispatch) -> bool:
    return any(job.state.status in (JS_PENDING, JS_RUNNING) for job in dispatch.state.jobs)


def _participant(one: ParticipantInfo) -> Participant:
    text = one.attributes.get(EPOCH_ATTRIBUTE, "")
    epoch = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
    agent = one.kind == ParticipantInfo.Kind.AGENT
    return Participant(identity=one.identity, sid=one.sid, agent=agent, epoch=epoch)


async def _if_found(call: Awaitable[T]) -> T | None:
    """The answer, or None where LiveKit says that there is no such thing."""
    try:
        async with asyncio.timeout(_CALL_S):
            return await call
    except api.TwirpError as error:
        if error.code == api.TwirpErrorCode.NOT_FOUND:
            return None
        raise LiveKitFault(f"LiveKit refused: {error.code}") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise LiveKitFault(f"LiveKit did not answer: {type(error).__name__}") from error


async def _bounded(call: Awaitable[T]) -> T:
    found = await _if_found(call)
    if found is None:
        raise LiveKitFault("LiveKit refused: not_found")
    return found
