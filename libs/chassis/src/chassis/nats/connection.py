"""One connection to NATS, with the settings that a service needs to outlive its servers.

nats-py's own defaults give up after 60 attempts, wait 2 s between them, notice a dead server after 4 minutes, and a
read loop that ends by an unexpected exception leaves a connection that looks alive: hence the watchdog.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from urllib.parse import unquote, urlsplit, urlunsplit

import nats.aio.client
import nats.errors
import structlog

from chassis.event_log import LogFault
from chassis.tasks import Tasks

Client = nats.aio.client.Client

_log = structlog.get_logger(__name__)
_START_S = 30.0
_CLOSE_S = 5.0
_WATCH_EVERY_S = 5.0
_RTT_S = 4


@contextlib.asynccontextmanager
async def connect(
    url: str, *, name: str, creds: str | None = None, start_timeout_s: float = _START_S
) -> AsyncIterator[Client]:
    """Connect, keep connected, and drain at the end.

    `url` is one URL or several with commas between; ``user:password@`` of the first counts for all, also for servers
    that are discovered. `creds` is the path of a credentials file. `name` also prefixes the inboxes
    (``_INBOX.<name>``), so that a service can be permitted its own and no other's. Raises LogFault when no server
    answers within `start_timeout_s`.
    """
    client = Client()
    await _open(client, url, name, creds, start_timeout_s)
    try:
        async with Tasks() as tasks:
            tasks.start(_watch(client), name=f"nats watchdog of {name}")
            yield client
    finally:
        await _shut(client)


async def _open(client: Client, url: str, name: str, creds: str | None, timeout_s: float) -> None:
    servers, user, password = _split(url)
    reporter = _Reporter(client, name)
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect(
                servers,
                name=name,
                user=user,
                password=password,
                user_credentials=creds,
                inbox_prefix=f"_INBOX.{re.sub(r'[^A-Za-z0-9_-]', '-', name)}",
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.2,  # type: ignore[arg-type]  # seconds; it only sleeps them
                connect_timeout=2,
                ping_interval=10,
                max_outstanding_pings=2,
                drain_timeout=int(_CLOSE_S),
                error_cb=reporter.error,
                disconnected_cb=reporter.disconnected,
                reconnected_cb=reporter.reconnected,
                closed_cb=reporter.closed,
            )
    except (TimeoutError, OSError, nats.errors.Error) as error:
        await client.close()
        raise LogFault(f"no NATS server answered within {timeout_s:g} s") from error


async def _shut(client: Client) -> None:
    """Drain, within a bound; a connection that is down cannot be drained, only closed."""
    try:
        async with asyncio.timeout(_CLOSE_S + 1):
            if client.is_connected:
                await client.drain()
            await client.close()
    except (TimeoutError, OSError, nats.errors.Error) as error:
        _log.warning("nats_close_failed", error=type(error).__name__)


async def _watch(client: Client) -> None:
    """Have it connect anew when it says that it is connected, and no pong comes."""
    while not client.is_closed:
        await asyncio.sleep(_WATCH_EVERY_S)
        if not client.is_connected:
            continue
        try:
            await client.rtt(timeout=_RTT_S)
        except (TimeoutError, OSError, nats.errors.Error) as error:
            _log.warning("nats_unresponsive", error=type(error).__name__)
            await client.force_reconnect()


def _split(url: str) -> tuple[list[str], str | None, str | None]:
    parts = [urlsplit(one.strip()) for one in url.split(",")]
    user, password = parts[0].username, parts[0].password
    bare = [urlunsplit(part._replace(netloc=part.netloc.rpartition("@")[2])) for part in parts]
    return bare, unquote(user) if user else None, unquote(password) if password else None


class _Reporter:
    """nats-py's callbacks, as log lines. A refused reconnect comes five times a second: not a warning each."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name

    async def error(self, error: Exception) -> None:
        if isinstance(error, OSError | TimeoutError) and not self._client.is_connected:
            _log.debug("nats_connect_failed", connection=self._name, error=type(error).__name__)
            return
        # The server's own words name subjects and permissions; they hold ids, never content.
        _log.warning("nats_error", connection=self._name, error=type(error).__name__, detail=str(error)[:200])

    async def disconnected(self) -> None:
        if not self._client.is_closed:
            _log.warning("nats_disconnected", connection=self._name)

    async def reconnected(self) -> None:
        _log.info("nats_reconnected", connection=self._name)

    async def closed(self) -> None:
        _log.info("nats_closed", connection=self._name)
