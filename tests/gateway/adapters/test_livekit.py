"""Rooms and tokens against a real LiveKit server."""

import uuid
from collections.abc import AsyncIterator

import pytest
from livekit import api
from tests.support.gateway_views import a_request

from chassis.embedded.livekit import LiveKitServer
from contracts.commands.jobs import JobMetadata
from contracts.ids import CustomerId, KeyId, SessionId, VersionHash
from gateway.adapters.livekit import LiveKitRooms, LiveKitTokens, open_livekit
from gateway.adapters.rooms import LiveKitFault
from gateway.domain.token import grant_for

pytestmark = pytest.mark.integration


@pytest.fixture
async def rooms(livekit_server: LiveKitServer) -> AsyncIterator[LiveKitRooms]:
    async with open_livekit(url=livekit_server.url, key=livekit_server.key, secret=livekit_server.secret) as rooms:
        yield rooms


def a_room_name() -> str:
    return f"ses_{uuid.uuid4().hex}"


def metadata(room: str) -> JobMetadata:
    return JobMetadata(
        session=SessionId(room),
        customer=CustomerId("acme"),
        epoch=1,
        version=VersionHash("0" * 64),
        keyid=KeyId("dk_1"),
        identity="user-1",
        livemode=False,
    )


async def test_a_room_is_made_found_and_deleted(rooms: LiveKitRooms) -> None:
    room = a_room_name()
    assert not (await rooms.look(room, now_s=1, dispatches=True)).exists

    for _ in range(2):
        await rooms.open_room(room, empty_timeout_s=60, departure_timeout_s=20)
    seen = await rooms.look(room, now_s=2, dispatches=True)
    assert (seen.exists, seen.participants, seen.working, seen.seen_s) == (True, (), False, 2)

    for _ in range(2):
        await rooms.delete_room(room)
    assert not (await rooms.look(room, now_s=3, dispatches=True)).exists


async def test_a_dispatch_without_a_worker_is_taken_by_nobody(rooms: LiveKitRooms) -> None:
    room = a_room_name()
    await rooms.open_room(room, empty_timeout_s=60, departure_timeout_s=20)
    await rooms.dispatch(room, metadata(room))

    assert not (await rooms.look(room, now_s=1, dispatches=True)).working
    await rooms.delete_room(room)


async def test_removing_somebody_who_is_not_there_changes_nothing(rooms: LiveKitRooms) -> None:
    room = a_room_name()
    await rooms.remove(room, "agent-nobody")
    await rooms.open_room(room, empty_timeout_s=60, departure_timeout_s=20)
    await rooms.remove(room, "agent-nobody")
    await rooms.delete_room(room)


async def test_the_server_takes_our_tokens(livekit_server: LiveKitServer) -> None:
    tokens = LiveKitTokens(url=livekit_server.url, key=livekit_server.key, secret=livekit_server.secret)
    token = tokens.mint(grant_for(a_request(), ttl_s=600))
    claims = api.TokenVerifier(livekit_server.key, livekit_server.secret).verify(token)

    assert claims.identity == "user-1"
    assert claims.video is not None
    assert (claims.video.room, claims.video.room_join) == ("ses_1", True)
    assert claims.video.can_update_own_metadata is False


async def test_a_server_that_refuses_us_is_a_fault(livekit_server: LiveKitServer) -> None:
    wrong = "another-secret-of-32-characters-xx"
    async with open_livekit(url=livekit_server.url, key=livekit_server.key, secret=wrong) as rooms:
        with pytest.raises(LiveKitFault):
            await rooms.open_room(a_room_name(), empty_timeout_s=60, departure_timeout_s=20)


async def test_a_server_that_is_not_there_is_a_fault() -> None:
    async with open_livekit(url="ws://127.0.0.1:1", key="test", secret="x" * 32) as rooms:
        with pytest.raises(LiveKitFault):
            await rooms.look("ses_1", now_s=1, dispatches=True)
