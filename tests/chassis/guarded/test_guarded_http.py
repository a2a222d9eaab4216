"""Calls to where a customer said: none of the vectors reaches a canary on any address of this machine."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from tests.support.certificates import tls_for
from tests.support.listeners import Listener, Talk, answering, listening

from chassis import guarded_addresses
from chassis.guarded_addresses import Address
from chassis.guarded_http import (
    AddressRefused,
    AnswerRefused,
    AnswerTooLarge,
    GuardedAnswer,
    GuardedClient,
    GuardedFault,
    NotReached,
    TooSlow,
)

pytestmark = pytest.mark.unit

LITERALS = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "017700000001"),
    *("0177.0.0.1", "0177.0x0.0.1", "127.0.0.1.", "127.000.000.001", "0", "0.0.0.0", "00.00.00.00", "127.255.255.254"),
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::1%25lo]", "[::1%lo]"),
    *("[fe80::1%25lo]", "[::ffff:0:127.0.0.1]", "localhost", "localhost.", "LOCALHOST", "ⓛocalhost"),
    *("①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "127%2e0%2e0%2e1", "0x7f。1"),
    *("user@127.0.0.1", "example.com@127.0.0.1", "127.0.0.1#@example.com", "127.0.0.1?@example.com"),
    *("example.com\\@127.0.0.1", "127.0.0.1\\.example.com", "127.0.0.1\r\n", "127.0.0.1%00.example.com"),
]
"""Where a host stands in a URL; each would reach this machine by the hand of some client."""

NAMES = {
    "one.example": ["127.0.0.1"],
    "two.example": ["8.8.8.8", "127.0.0.1"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "zero.example": ["0.0.0.0"],
    "translated.example": ["64:ff9b::7f00:1"],
    "tunnelled.example": ["2002:7f00:1::"],
    "scoped.example": ["fe80::1%lo"],
    "metadata.example": ["169.254.169.254"],
    "shared.example": ["100.64.0.1"],
    "odd.example": ["0177.0.0.1"],
    "none.example": [],
}
"""Names, and what their resolver says."""


class Resolver:
    """A fake one; asked again, it says loopback: what a rebinding server does."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self.names, self.asked = names, 0

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        if host not in self.names or self.asked > 1:
            return ["127.0.0.1"]
        return self.names[host]


def careless() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture
async def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listener]:
    """Listens on every address; its port counts as the usual one, so that nothing but the address stands between."""
    server_tls, _ = tls_for("localhost", tmp_path)
    async with listening(answering(), host="::", tls=server_tls) as listener:
        monkeypatch.setattr(guarded_addresses, "HTTPS_PORT", listener.port)
        yield listener


async def refused(client: GuardedClient, url: str) -> GuardedFault:
    with pytest.raises(GuardedFault) as caught:
        await client.post(url, content=b"{}", headers={}, timeout_s=5)
    return caught.value


@pytest.mark.parametrize("host", LITERALS)
async def test_no_spelling_of_this_machine_reaches_the_canary(canary: Listener, host: str) -> None:
    async with GuardedClient(tls=careless()) as client:
        fault = await refused(client, f"https://{host}:{canary.port}/")
        assert isinstance(await refused(client, f"https://{host}/"), AddressRefused | NotReached)
    assert isinstance(fault, AddressRefused | NotReached)
    assert not fault.sent
    assert canary.connections == 0


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_that_leads_to_this_machine_reaches_the_canary(canary: Listener, name: str) -> None:
    async with GuardedClient(tls=careless(), resolve=Resolver(NAMES)) as client:
        fault = await refused(client, f"https://{name}/")
    assert isinstance(fault, AddressRefused | NotReached)
    assert canary.connections == 0


async def test_the_canary_is_reached_where_it_is_permitted(canary: Listener) -> None:
    """Or else the tests above would prove nothing."""
    async with GuardedClient(tls=careless(), allow=lambda _address, _port: True) as client:
        for host in ("127.0.0.1", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "localhost"):
            assert (await client.post(f"https://{host}/", content=b"{}", headers={})).status == 200
    assert canary.connections == 5


@pytest.mark.parametrize(
    "url",
    [
        *("http://localhost/", "http://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/_", "ftp://127.0.0.1/"),
        *("dict://127.0.0.1/", "ldap://127.0.0.1/", "unix:///run/x.sock", "data:,x", "//127.0.0.1/", "127.0.0.1"),
        *("https://8.8.8.8:22/", "https://8.8.8.8:80/", "https://8.8.8.8:6379/", "http://8.8.8.8/"),
        *("https://8.8.8.8/a\r\nX: y", "https://8.8.8.8/a\nb", "https://8.8.8.8/ HTTP/1.1", "https://8.8.8.8/\x00"),
    ],
)
async def test_other_schemes_ports_and_broken_paths_are_refused(url: str) -> None:
    async with GuardedClient() as client:
        assert isinstance(await refused(client, url), AddressRefused)


async def test_a_name_is_resolved_once_and_the_checked_address_is_the_one_connected_to(
    tmp_path: Path,
) -> None:
    server_tls, client_tls = tls_for("hooks.example", tmp_path)
    async with listening(answering(body=b"good"), host="127.0.0.1", tls=server_tls) as good:
        resolver = Resolver({"hooks.example": ["127.0.0.1"]})
        checked: list[Address] = []

        def allow(address: Address, _port: int) -> bool:
            checked.append(address)
            return True

        async with GuardedClient(allow=allow, resolve=resolver, tls=client_tls) as client:
            answer = await client.post(f"https://hooks.example:{good.port}/in", content=b"{}", headers={})
        assert answer.body == b"good"
        assert resolver.asked == 1
        assert [str(address) for address in checked] == ["127.0.0.1"]
        assert f"Host: hooks.example:{good.port}\r\n".encode() in good.requests[0]
        assert b"Accept-Encoding: identity" in good.requests[0]


async def test_a_rebinding_name_is_refused_by_its_later_address(canary: Listener) -> None:
    resolver = Resolver({"rebinding.example": ["192.0.2.1"]})
    async with GuardedClient(resolve=resolver, tls=careless()) as client:
        for _ in range(3):
            assert isinstance(await refused(client, "https://rebinding.example/"), AddressRefused)
    assert canary.connections == 0


async def test_a_certificate_for_another_name_is_not_taken(tmp_path: Path) -> None:
    server_tls, client_tls = tls_for("hooks.example", tmp_path)
    async with (
        listening(answering(), tls=server_tls) as peer,
        GuardedClient(
            allow=lambda *_: True, resolve=Resolver({"other.example": ["127.0.0.1"]}), tls=client_tls
        ) as client,
    ):
        fault = await refused(client, f"https://other.example:{peer.port}/")
        assert isinstance(fault, NotReached)
        assert peer.requests == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_an_answer_and_is_not_followed(canary: Listener, status: str) -> None:
    for location in (f"https://127.0.0.1:{canary.port}/", "http://169.254.169.254/latest/meta-data/"):
        async with (
            listening(answering(status, headers=f"Location: {location}\r\n")) as peer,
            GuardedClient(allow=lambda _address, port: port == peer.port, tls=careless()) as client,
        ):
            answer = await client.post(f"http://127.0.0.1:{peer.port}/", content=b"{}", headers={})
        assert answer.status == int(status[:3])
        assert answer.headers["location"] == location
    assert canary.connections == 0


async def _post(talk: Talk, *, timeout_s: float = 5, limit: int = 1000) -> GuardedAnswer:
    async with (
        listening(talk) as peer,
        GuardedClient(allow=lambda *_: True) as client,
    ):
        return await client.post(
            f"http://127.0.0.1:{peer.port}/", content=b"{}", headers={}, timeout_s=timeout_s, max_answer_bytes=limit
        )


async def test_a_body_that_drips_is_cut_at_the_deadline() -> None:
    async def drip(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    with pytest.raises(TooSlow) as caught:
        await _post(drip, timeout_s=0.4)
    assert caught.value.sent


async def test_a_head_that_drips_is_cut_at_the_deadline() -> None:
    async def drip(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    with pytest.raises(TooSlow):
        await _post(drip, timeout_s=0.4)


async def test_a_name_that_does_not_resolve_in_time_is_cut_and_nothing_was_sent() -> None:
    async def never(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        raise AssertionError

    async with GuardedClient(resolve=never) as client:
        with pytest.raises(TooSlow) as caught:
            await client.post("https://slow.example/", content=b"", headers={}, timeout_s=0.1)
    assert not caught.value.sent


async def _endless(_request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        await writer.drain()


async def _endless_until_close(_request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 1024)
        await writer.drain()


@pytest.mark.parametrize("talk", [_endless, _endless_until_close, answering(body=b"x" * 1001)])
async def test_an_answer_without_end_is_cut_at_the_limit(talk: Talk) -> None:
    with pytest.raises(AnswerTooLarge):
        await _post(talk)


async def test_a_length_that_is_announced_too_large_is_refused_before_the_body() -> None:
    async def talk(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
        await asyncio.Event().wait()

    with pytest.raises(AnswerTooLarge):
        await _post(talk)


async def test_an_endless_head_is_refused() -> None:
    async def talk(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: " + b"y" * 1024 + b"\r\n")
            await writer.drain()

    with pytest.raises(AnswerRefused):
        await _post(talk)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip"])
async def test_an_encoded_answer_is_refused_unread(encoding: str) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000, compresslevel=1)[:900]
    with pytest.raises(AnswerRefused):
        await _post(answering(headers=f"Content-Encoding: {encoding}\r\n", body=bomb))


@pytest.mark.parametrize(
    "said",
    [
        *(b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
        *(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 200 OK\r\nBad header\r\n\r\n"),
        *(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"),
    ],
)
async def test_what_is_not_an_answer_is_refused(said: bytes) -> None:
    async def talk(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.write_eof()
        await asyncio.sleep(0)

    with pytest.raises(AnswerRefused):
        await _post(talk)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "X-A\r\nX-B", "X:Y", "X Y"])
async def test_the_caller_cannot_break_the_request_with_a_header_name(name: str) -> None:
    async with GuardedClient() as client:
        with pytest.raises(ValueError, match=r"header|caller"):
            await client.post("https://8.8.8.8/", content=b"", headers={name: "1"})


async def test_the_caller_cannot_break_the_request_with_a_header_value() -> None:
    async with GuardedClient() as client:
        with pytest.raises(ValueError, match="header"):
            await client.post("https://8.8.8.8/", content=b"", headers={"X": "a\r\nY: b"})


async def test_a_peer_that_does_not_listen_was_not_sent_anything() -> None:
    async with listening(answering()) as peer:
        port = peer.port
    async with GuardedClient(allow=lambda *_: True) as client:
        fault = await refused(client, f"http://127.0.0.1:{port}/")
    assert isinstance(fault, NotReached)
    assert not fault.sent


async def test_the_next_address_is_tried_where_one_does_not_listen() -> None:
    async with (
        listening(answering(body=b"here")) as peer,
        GuardedClient(allow=lambda *_: True, resolve=Resolver({"two.example": ["127.0.0.2", "127.0.0.1"]})) as client,
    ):
        answer = await client.post(f"http://two.example:{peer.port}/", content=b"{}", headers={})
    assert answer.body == b"here"


def test_there_are_more_than_forty_vectors() -> None:
    assert len(LITERALS) + len(NAMES) >= 40


async def test_a_stream_is_read_as_it_comes_behind_the_same_wall() -> None:
    more = asyncio.Event()

    async def in_pieces(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await more.wait()
        writer.write(b"3\r\ntwo\r\n")
        await writer.drain()

    async with (
        listening(in_pieces) as peer,
        GuardedClient(allow=guarded_addresses.loopback_only) as client,
        GuardedClient() as production,
    ):
        url = f"http://127.0.0.1:{peer.port}/path"
        with pytest.raises(AddressRefused):
            async with production.stream("GET", url, headers={}):
                pass
        assert peer.connections == 0
        async with client.stream("GET", url, headers={"Accept": "text/plain"}) as answer:
            chunks = answer.chunks()
            assert (answer.status, await anext(chunks)) == (200, b"one")
            more.set()
            assert await anext(chunks) == b"two"
            with pytest.raises(AnswerRefused):
                await anext(chunks)
        assert peer.requests[0].startswith(b"GET /path HTTP/1.1\r\n")
        assert b"content-length" not in peer.requests[0].lower()


async def test_a_stream_whose_head_does_not_come_or_whose_body_is_too_long_is_a_fault() -> None:
    async with (
        listening(answering(body=b"x" * 100)) as peer,
        GuardedClient(allow=guarded_addresses.loopback_only) as client,
        client.stream("POST", f"http://127.0.0.1:{peer.port}/", content=b"{}", headers={}) as answer,
    ):
        with pytest.raises(AnswerTooLarge):
            await answer.body(99)

    async def silent(_request: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with listening(silent) as peer, GuardedClient(allow=guarded_addresses.loopback_only) as client:
        with pytest.raises(TooSlow) as caught:
            async with client.stream("GET", f"http://127.0.0.1:{peer.port}/", headers={}, timeout_s=0.1):
                pass
        assert caught.value.sent
