"""The LiveKit server answers its own API, listens on loopback alone, and stops within its bound."""

import time
from pathlib import Path

import pytest
from livekit import api, rtc
from tests.support.sockets import addresses_of

from chassis.embedded import go_build
from chassis.embedded.livekit import LiveKitServer, LiveKitUnavailable, find_or_build

pytestmark = pytest.mark.integration

KEY, SECRET = "test-key", "test-secret-that-is-long-enough-for-it"


async def test_it_makes_rooms_on_loopback_alone_and_stops_at_once(livekit_binary: Path, tmp_path: Path) -> None:
    async with LiveKitServer(binary=livekit_binary, folder=tmp_path, key=KEY, secret=SECRET) as server:
        assert {address for address, _ in addresses_of(server.pid)} == {"127.0.0.1"}
        async with api.LiveKitAPI(server.url, KEY, SECRET) as client:
            await client.room.create_room(api.CreateRoomRequest(name="r"))
            assert [room.name for room in (await client.room.list_rooms(api.ListRoomsRequest())).rooms] == ["r"]
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert (tmp_path / "livekit.json").stat().st_mode & 0o077 == 0


async def test_it_stops_within_its_bound_while_someone_is_in_a_room(livekit_binary: Path, tmp_path: Path) -> None:
    async with LiveKitServer(binary=livekit_binary, folder=tmp_path, key=KEY, secret=SECRET) as server:
        token = api.AccessToken(KEY, SECRET).with_identity("p").with_grants(api.VideoGrants(room_join=True, room="r"))
        room = rtc.Room()
        await room.connect(server.url, token.to_jwt())
        began = time.monotonic()
    assert time.monotonic() - began < 5
    await room.disconnect()


async def test_without_go_it_says_in_one_line_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(go_build, "_go_of_the_wheel", lambda: None)
    with pytest.raises(LiveKitUnavailable, match=r"no Go 1\.26 or newer to build it with"):
        await find_or_build(print)


async def test_a_build_that_fails_says_why_and_leaves_no_half_built_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("GOPROXY", "off")
    told: list[str] = []
    with pytest.raises(LiveKitUnavailable, match="GOPROXY=off"):
        await find_or_build(told.append)
    assert told == ["building LiveKit server 1.13.5 (once, about two minutes)"]
    assert [path.name for path in (tmp_path / "cache" / "baton").iterdir()] == ["livekit-server-1.13.5.lock"]
