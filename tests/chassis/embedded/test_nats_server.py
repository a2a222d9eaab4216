"""One nats-server: it keeps what it acknowledged over SIGKILL, refuses strangers, and listens on loopback alone."""

from pathlib import Path

import nats
import nats.errors
import pytest
from nats.aio.client import Client
from tests.support.sockets import addresses_of

from chassis.embedded.nats_server import NatsServer
from chassis.embedded.ports import PortInUse, free_port

pytestmark = pytest.mark.integration


async def test_acknowledged_messages_survive_a_killed_server(tmp_path: Path) -> None:
    async with NatsServer(store=tmp_path) as server:
        connection = await nats.connect(server.url)
        log = connection.jetstream()
        await log.add_stream(name="KEPT", subjects=["kept"])
        for number in range(50):
            await log.publish("kept", str(number).encode())
        await connection.close()
        server.child.kill()
        url = server.url
        await server.start()
        assert server.url == url
        connection = await nats.connect(server.url)
        state = (await connection.jetstream().stream_info("KEPT")).state
        await connection.close()
    assert state.messages == 50


async def test_a_stranger_without_the_password_is_refused(tmp_path: Path) -> None:
    async with NatsServer(store=tmp_path, password="right") as server:
        stranger = Client()
        url = server.url.replace("right", "wrong")
        with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
            await stranger.connect(url, allow_reconnect=False, error_cb=ignore)
        await stranger.close()


async def ignore(error: Exception) -> None:
    """nats-py prints a stack trace by default."""


async def test_it_listens_on_loopback_alone(tmp_path: Path) -> None:
    async with NatsServer(store=tmp_path) as server:
        assert {address for address, _ in addresses_of(server.pid)} == {"127.0.0.1"}


async def test_a_message_may_have_a_megabyte_and_no_more(tmp_path: Path) -> None:
    async with NatsServer(store=tmp_path) as server:
        connection = await nats.connect(server.url)
        assert connection.max_payload == 1024 * 1024
        await connection.close()


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    port = free_port()
    async with NatsServer(store=tmp_path / "first", port=port):
        with pytest.raises(PortInUse, match=f"port {port} on 127.0.0.1 is in use"):
            await NatsServer(store=tmp_path / "second", port=port).start()


def test_a_password_that_would_break_the_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="safe in a URL"):
        NatsServer(store=tmp_path, password="a@b")


async def test_the_file_with_the_password_is_closed_to_others(tmp_path: Path) -> None:
    async with NatsServer(store=tmp_path):
        assert (tmp_path / "nats-server.conf").stat().st_mode & 0o077 == 0
