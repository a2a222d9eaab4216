"""HTTP clients for requests with a customer's own key, which go to where that customer said.

They connect to the public internet alone, whatever a name resolves to at that moment (ADR 10): each checks the very
address that it connects to. They follow no redirect to anywhere else, and take no proxy from the environment.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import aiohttp
import httpcore2
import httpx2
import openai

from chassis.guarded_addresses import HTTPS_PORT, Permission, forbidden, literal

_TIMEOUT = httpx2.Timeout(connect=15.0, read=5.0, write=5.0, pool=5.0)
"""As the plugin's own client has it; a request says for itself how long it may take."""


class OwnClients:
    """Of one session; closed with its models. `allow` is the permission of development, None in production."""

    def __init__(self, *, allow: Permission | None) -> None:
        self._guard = _Guard(allow)
        self._session: aiohttp.ClientSession | None = None
        self._openai: list[openai.AsyncClient] = []

    def session(self) -> aiohttp.ClientSession:
        """For the plugins that speak over aiohttp; made when first asked for, inside a running loop."""
        if self._session is None:
            connector = aiohttp.TCPConnector(socket_factory=self._guard.socket)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session

    def openai(self, *, base_url: str, key: str) -> openai.AsyncClient:
        """For OpenAI's plugin."""
        http = httpx2.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, transport=_transport(self._guard))
        client = openai.AsyncClient(api_key=key, base_url=base_url, max_retries=0, http_client=http)
        # The client would read these from the environment, where they are the deployment's.
        client.organization = client.project = None
        self._openai.append(client)
        return client

    async def aclose(self) -> None:
        """Close all of them; twice is safe."""
        for client in self._openai:
            await client.close()
        if self._session is not None:
            await self._session.close()


class _Guard:
    """Says which addresses may be connected to."""

    def __init__(self, allow: Permission | None) -> None:
        self._allow = allow

    def check(self, host: str, port: int) -> None:
        """Raises OSError for an address that may not be reached; `host` is an address, not a name."""
        address = literal(host)
        if address is None:
            raise OSError("not an address")
        if self._allow is not None and self._allow(address, port):
            return
        if port != HTTPS_PORT or forbidden(address):
            raise OSError("the address is not on the public internet")

    def socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """A socket for an address that aiohttp is about to connect to."""
        family, kind, protocol, _, where = info
        self.check(str(where[0]), int(where[1]))
        return socket.socket(family, kind, protocol)


class _GuardedBackend(httpcore2.AnyIOBackend):
    """Resolves a name once, checks every address, and connects to the first of those very addresses."""

    def __init__(self, guard: _Guard) -> None:
        self._guard = guard

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """See httpcore; TLS is for the name, which comes after."""
        try:
            async with asyncio.timeout(timeout):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            for *_, where in found:
                self._guard.check(str(where[0]), port)
        except TimeoutError as late:
            raise httpcore2.ConnectTimeout("the name was not resolved in time") from late
        except OSError as refused:
            raise httpcore2.ConnectError(str(refused)) from refused
        return await super().connect_tcp(str(found[0][4][0]), port, timeout, local_address, socket_options)


def _transport(guard: _Guard) -> httpx2.AsyncHTTPTransport:
    transport = httpx2.AsyncHTTPTransport(trust_env=False)
    # httpx has no public way to say how its pool connects.
    transport._pool = httpcore2.AsyncConnectionPool(
        ssl_context=ssl.create_default_context(), network_backend=_GuardedBackend(guard)
    )
    return transport
