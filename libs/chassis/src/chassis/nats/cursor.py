"""A throw-away consumer that reads one stream of JetStream in order, by hand-made pull requests.

It never skips silently: a gap in the consumer's own count, a lost consumer, a reconnect or silence raises CursorLost,
and whoever reads opens another one behind the last commit that it got. Nothing about it is durable: a position that
counts lives with the reader.
"""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from typing import Any

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from chassis.event_log import Commit, LogFault
from chassis.nats import api
from chassis.nats.connection import Client
from contracts.subjects import Log

_PULLS_IN_FLIGHT = 2
_PULL_S = 30
_BEAT_S = 2
_SILENCE_S = 3 * _BEAT_S
_CHECK_EVERY_S = 0.25
_MAX_PULL_BYTES = 8 * 1024 * 1024
_INACTIVE_S = 30
_NS = 1_000_000_000
_PULL_ENDED = frozenset({"404", "408", "409"})
_CONSUMER_LOST = ("Consumer Deleted", "Leadership Change", "Server Shutdown", "Consumer is push based")


class CursorLost(LogFault):
    """This cursor delivers no more; a new one may."""


class Cursor:
    """One consumer from sequence `after` + 1 on `subject` (all of the log when None). Used by one task at a time."""

    def __init__(self, client: Client, log: Log, *, after: int, subject: str | None, batch: int) -> None:
        self._client, self._log, self._subject = client, log, subject
        self._next_sequence, self._batch = after + 1, batch
        self._consumer = f"r{secrets.token_hex(8)}"
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._arrived: deque[Msg] = deque()
        self._woken = asyncio.Event()
        self._pulls: deque[list[int]] = deque()  # [number, messages it may still bring], oldest first
        self._pull_count = 0
        self._consumer_sequence = 0
        self._lost = ""
        self._heard_at = time.monotonic()
        self._reconnects = 0

    async def open(self, *, timeout_s: float) -> None:
        """Make the consumer and ask for the first commits. Raises LogFault."""
        self._reconnects = self._client.stats["reconnects"]
        try:
            # No limits here: what may be under way is bounded by what is pulled.
            self._subscription = await self._client.subscribe(
                f"{self._inbox}.*", cb=self._receive, pending_msgs_limit=0, pending_bytes_limit=0
            )
        except nats.errors.Error as error:
            raise LogFault(f"cannot subscribe: {type(error).__name__}") from error
        name = f"CONSUMER.CREATE.{self._log}.{self._consumer}"
        name = f"{name}.{self._subject}" if self._subject else name
        await api.call(self._client, name, self._settings(), dict[str, Any], timeout_s=timeout_s)
        self._heard_at = time.monotonic()
        await self._pull()

    async def next(self, *, timeout_s: float) -> list[Commit]:
        """What has arrived, at least one commit; empty after `timeout_s` seconds without one. Raises CursorLost."""
        deadline = time.monotonic() + timeout_s
        while not self._arrived:
            self._check()
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return []
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(remaining, _CHECK_EVERY_S)):
                    await self._woken.wait()
            await self._pull()
        commits = self._take()
        await self._pull()
        return commits

    async def close(self) -> None:
        """Let go of the consumer; best effort, since the server forgets an idle one by itself."""
        if self._subscription is None or self._client.is_closed:
            return
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._subscription.unsubscribe()
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._client.publish(f"$JS.API.CONSUMER.DELETE.{self._log}.{self._consumer}")

    def _settings(self) -> dict[str, object]:
        config: dict[str, object] = {
            "name": self._consumer,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self._next_sequence,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": _INACTIVE_S * _NS,
        }
        if self._subject:
            config["filter_subject"] = self._subject
        return {"stream_name": str(self._log), "config": config, "action": "create"}

    async def _pull(self) -> None:
        """Keep pulls under way, but no more than the reader takes."""
        while not self._lost and len(self._pulls) < _PULLS_IN_FLIGHT and len(self._arrived) < self._batch:
            self._pull_count += 1
            request = {
                "batch": self._batch,
                "expires": _PULL_S * _NS,
                "idle_heartbeat": _BEAT_S * _NS,
                "max_bytes": _MAX_PULL_BYTES,
            }
            if not self._pulls:
                self._heard_at = time.monotonic()
            self._pulls.append([self._pull_count, self._batch])
            try:
                await self._client.publish(
                    f"$JS.API.CONSUMER.MSG.NEXT.{self._log}.{self._consumer}",
                    msgspec.json.encode(request),
                    reply=f"{self._inbox}.{self._pull_count}",
                )
            except (nats.errors.Error, OSError) as error:
                self._lost = type(error).__name__

    async def _receive(self, message: Msg) -> None:
        self._heard_at = time.monotonic()
        if message.reply.startswith("$JS.ACK."):
            self._arrived.append(message)
            self._count_delivery()
        else:
            self._status(message)
        self._woken.set()

    def _count_delivery(self) -> None:
        """Pulls are served in the order in which they were asked."""
        if self._pulls:
            self._pulls[0][1] -= 1
            if self._pulls[0][1] <= 0:
                self._pulls.popleft()

    def _status(self, message: Msg) -> None:
        headers = message.headers or {}
        status, description = headers.get("Status", ""), headers.get("Description", "")
        if status == "100":
            return
        if status == "503" or (status == "409" and description.startswith(_CONSUMER_LOST)):
            self._lost = description or "no responders"
        elif status in _PULL_ENDED:
            number = int(message.subject.rpartition(".")[2])
            self._pulls = deque(pull for pull in self._pulls if pull[0] != number)
        else:
            self._lost = f"status {status} {description}"

    def _check(self) -> None:
        if self._client.is_closed:
            raise LogFault("the connection to NATS is closed")
        if self._lost:
            raise CursorLost(self._lost)
        if self._client.is_connected and self._client.stats["reconnects"] != self._reconnects:
            raise CursorLost("reconnected")
        if time.monotonic() - self._heard_at > _SILENCE_S:
            raise CursorLost("silence")

    def _take(self) -> list[Commit]:
        """Everything that has arrived, up to the first gap, which is met again by the next call."""
        commits: list[Commit] = []
        while self._arrived:
            message = self._arrived.popleft()
            sequence, consumer_sequence, stored_ns = parse_ack_subject(message.reply)
            if consumer_sequence != self._consumer_sequence + 1:
                self._arrived.clear()
                self._lost = f"gap after delivery {self._consumer_sequence}"
                break
            self._consumer_sequence = consumer_sequence
            commits.append(Commit(self._log, message.subject, sequence, stored_ns, message.data))
        if not commits:
            self._check()
        return commits


def parse_ack_subject(subject: str) -> tuple[int, int, int]:
    """(stream sequence, consumer sequence, stored at, in ns) of ``$JS.ACK.…``: 9 tokens, or 11 and more (ADR-15)."""
    tokens = subject.split(".")
    first = 5 if len(tokens) == 9 else 7
    return int(tokens[first]), int(tokens[first + 1]), int(tokens[first + 2])
