"""HTTP calls to where a customer said: tools, webhooks, MCP servers. They reach the public internet and nothing else.

A name is resolved once, every address it has is checked, and the connection goes to one of those very addresses, with
the original name for Host and TLS: a name that answers differently a moment later changes nothing. There are no
redirects, no proxies from the environment, no cookies and no decompression. It must never be told to trust a host.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import h11

from chassis.guarded_addresses import Address, Permission, Target, UrlRefused, forbidden, literal, parse_target
from chassis.guarded_exchange import (
    AddressRefused,
    AnswerRefused,
    AnswerTooLarge,
    GuardedAnswer,
    GuardedFault,
    GuardedStream,
    NotReached,
    TooSlow,
    begin,
    exchange,
)

__all__ = [
    "AddressRefused",
    "AnswerRefused",
    "AnswerTooLarge",
    "GuardedAnswer",
    "GuardedClient",
    "GuardedFault",
    "GuardedStream",
    "NotReached",
    "TooSlow",
]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""All addresses of a name, as text. Raises OSError where there are none."""

MAX_ADDRESSES = 16
_CHUNK = 64 * 1024
_RESOLVERS = 8
_OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "upgrade"})


class GuardedClient:
    """Makes guarded calls, one connection each. `allow` reaches beyond the public internet: development and tests.

    Where `allow` says yes to every address of a host, plain http and any port will do as well.
    """

    def __init__(
        self,
        *,
        allow: Permission | None = None,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow, self._resolve = allow, resolve or self._ask_system
        self._tls = tls or ssl.create_default_context()
        # A pool of its own: names that do not resolve must not keep threads from the rest of the process.
        self._pool = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="guarded-resolver")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Resolve no more names."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def post(
        self,
        url: str,
        *,
        content: bytes,
        headers: Mapping[str, str],
        timeout_s: float = 5.0,
        max_answer_bytes: int = 256 * 1024,
    ) -> GuardedAnswer:
        """POST `content`. Raises a GuardedFault; ValueError for a header of the caller's that is not one."""
        sent = False
        try:
            async with asyncio.timeout(timeout_s):
                target = _read(url)
                request = _request("POST", target, content, headers)
                addresses = await self._addresses(target)
                async with self._connected(target, addresses) as (reader, writer):
                    sent = True
                    return await exchange(reader, writer, request, content, max_answer_bytes)
        except TimeoutError as error:
            fault = TooSlow(f"no whole answer in {timeout_s:g} s")
            fault.sent = sent
            raise fault from error

    @contextlib.asynccontextmanager
    async def stream(
        self, method: str, url: str, *, content: bytes = b"", headers: Mapping[str, str], timeout_s: float = 5.0
    ) -> AsyncIterator[GuardedStream]:
        """Begin a request whose answer is read as it comes; `timeout_s` bounds what leads up to the answer's head.

        Time and size of the body are the caller's to bound. Raises what `post` does.
        """
        sent = False
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(timeout_s):
                    target = _read(url)
                    request = _request(method, target, content, headers)
                    addresses = await self._addresses(target)
                    reader, writer = await stack.enter_async_context(self._connected(target, addresses))
                    sent = True
                    begun = await begin(reader, writer, request, content)
            except TimeoutError as error:
                fault = TooSlow(f"no answer in {timeout_s:g} s")
                fault.sent = sent
                raise fault from error
            yield begun

    async def _addresses(self, target: Target) -> list[Address]:
        """Every address of the host, all of them good; raises AddressRefused, NotReached."""
        known = literal(target.host)
        if known is None:
            try:
                found = await self._resolve(target.host, target.port)
            except (OSError, UnicodeError) as error:
                raise NotReached("the name has no address") from error
            addresses = [address for address in map(literal, found[:MAX_ADDRESSES]) if address is not None]
            if len(addresses) < min(len(found), MAX_ADDRESSES) or not addresses:
                raise NotReached("the name has no usable address")
        else:
            addresses = [known]
        for address in addresses:
            self._check(target, address)
        return addresses

    def _check(self, target: Target, address: Address) -> None:
        if self._allow is not None and self._allow(address, target.port):
            return
        if not target.usual:
            raise AddressRefused("only https on port 443 may be reached")
        if forbidden(address):
            raise AddressRefused("the address is not on the public internet")

    @contextlib.asynccontextmanager
    async def _connected(
        self, target: Target, addresses: list[Address]
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        tls = self._tls if target.scheme == "https" else None
        name = target.host if tls else None
        fault: Exception | None = None
        for address in addresses:
            try:
                reader, writer = await asyncio.open_connection(
                    str(address), target.port, ssl=tls, server_hostname=name, limit=_CHUNK
                )
            except OSError as error:
                fault = error
                continue
            try:
                yield reader, writer
            finally:
                # Not closed politely: that would wait for a peer who may never answer.
                writer.transport.abort()
            return
        raise NotReached("nobody answers there, or its certificate is not good") from fault

    async def _ask_system(self, host: str, port: int) -> Sequence[str]:
        def ask() -> list[str]:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            return list(dict.fromkeys(str(entry[4][0]) for entry in found))

        return await asyncio.get_running_loop().run_in_executor(self._pool, ask)


def _read(url: str) -> Target:
    try:
        return parse_target(url)
    except UrlRefused as error:
        raise AddressRefused(str(error)) from error


def _request(method: str, target: Target, content: bytes, headers: Mapping[str, str]) -> h11.Request:
    own = [name for name in headers if name.lower() in _OWN_HEADERS]
    if own:
        raise ValueError(f"{own[0]} is not the caller's to set")
    fields = [
        ("Host", target.authority),
        *([("Content-Length", str(len(content)))] if method == "POST" else []),
        ("Connection", "close"),
        ("Accept-Encoding", "identity"),
        *headers.items(),
    ]
    try:
        return h11.Request(method=method, target=target.path, headers=fields)
    except h11.LocalProtocolError as error:
        raise ValueError("a header has a name or value that no header may have") from error
