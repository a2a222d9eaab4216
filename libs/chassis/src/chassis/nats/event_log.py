"""The event log on JetStream. Appending is in append.py, reading in order in cursor.py; this file joins them.

It must never answer from a mirror or a follower where the port says "as of now".
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator

import msgspec
import structlog
from opentelemetry import trace

from chassis.event_log import Commit, LogFault, check_append, position_of
from chassis.nats import api, messages
from chassis.nats.append import Append
from chassis.nats.connection import Client
from chassis.nats.cursor import Cursor
from contracts.envelope import Envelope, encode_commit
from contracts.positions import Position
from contracts.subjects import Log

_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer(__name__)
_OPEN_S = 2.0
_REOPEN_S = 0.2
_BATCH = 1000


class _State(msgspec.Struct):
    last_seq: int = 0


class _StreamInfo(msgspec.Struct):
    created: str
    state: _State


class NatsEventLog:
    """The port `chassis.event_log.EventLog`. `timeout_s` bounds each call: an election takes 5 to 8 s."""

    def __init__(self, client: Client, *, timeout_s: float = 10.0) -> None:
        self._client, self._timeout_s = client, timeout_s
        self._incarnations: dict[Log, tuple[int, str]] = {}

    async def incarnation(self, log: Log) -> str:
        """From the stream's time of creation; asked again after each reconnect."""
        reconnects = self._client.stats["reconnects"]
        known = self._incarnations.get(log)
        if known is not None and known[0] == reconnects:
            return known[1]
        created = format(api.nanoseconds((await self._info(log)).created), "x")
        self._incarnations[log] = (reconnects, created)
        return created

    async def append(self, log: Log, subject: str, events: list[Envelope], *, expected: int) -> Position:
        """See the port."""
        payload = encode_commit(events)
        check_append(log, subject, payload)
        incarnation = await self.incarnation(log)
        sequence = await self._append(log, subject, payload, events[0].id, expected)
        return position_of(log, incarnation, subject, sequence, len(events) - 1)

    async def append_bytes(self, log: Log, subject: str, payload: bytes, *, message_id: str, expected: int) -> int:
        """See the port."""
        check_append(log, subject, payload)
        return await self._append(log, subject, payload, message_id, expected)

    async def _append(self, log: Log, subject: str, payload: bytes, message_id: str, expected: int) -> int:
        append = Append(
            self._client,
            log=log,
            subject=subject,
            payload=payload,
            message_id=message_id,
            expected=expected,
            timeout_s=self._timeout_s,
        )
        if not trace.get_current_span().get_span_context().is_valid:
            return await append.run()
        with _tracer.start_as_current_span("log append", attributes={"log": str(log), "bytes": len(payload)}):
            return await append.run()

    async def last(self, log: Log, subject: str) -> Commit | None:
        """See the port."""
        found = await api.patiently(
            self._client,
            lambda wait_s: messages.last_message(self._client, log, subject, timeout_s=wait_s),
            timeout_s=self._timeout_s,
        )
        return found.commit(log) if found is not None else None

    async def read(self, log: Log, subject: str, *, after: int = 0) -> AsyncIterator[Commit]:
        """See the port. The end is the leader's, since the consumer may sit on a follower that lags behind it."""
        last = await self.last(log, subject)
        end = last.sequence if last is not None else 0
        progress_at = time.monotonic()
        while after < end:
            cursor = Cursor(self._client, log, after=after, subject=subject, batch=_BATCH)
            try:
                await cursor.open(timeout_s=_OPEN_S)
                while after < end:
                    for commit in await cursor.next(timeout_s=_OPEN_S):
                        if commit.sequence > end:
                            return
                        after, progress_at = commit.sequence, time.monotonic()
                        yield commit
                    self._check_progress(log, after, progress_at)
            except LogFault:
                self._check_progress(log, after, progress_at)
                await asyncio.sleep(_REOPEN_S)
            finally:
                await cursor.close()

    async def tail(self, log: Log, *, after: int = 0, subject: str | None = None) -> AsyncIterator[list[Commit]]:
        """See the port. Raises LogFault only when the connection was closed for good."""
        while True:
            cursor = Cursor(self._client, log, after=after, subject=subject, batch=_BATCH)
            try:
                await cursor.open(timeout_s=_OPEN_S)
                while True:
                    if commits := await cursor.next(timeout_s=self._timeout_s):
                        after = commits[-1].sequence
                        yield commits
            except LogFault as fault:
                if self._client.is_closed:
                    raise
                _log.info("tail_reopened", log=str(log), after=after, why=str(fault))
            finally:
                await cursor.close()
            await asyncio.sleep(_REOPEN_S * random.uniform(0.5, 1))  # noqa: S311 (jitter)

    async def end(self, log: Log) -> int:
        """See the port."""
        return (await self._info(log)).state.last_seq

    async def _info(self, log: Log) -> _StreamInfo:
        return await api.patiently(
            self._client,
            lambda wait_s: api.call(self._client, f"STREAM.INFO.{log}", None, _StreamInfo, timeout_s=wait_s),
            timeout_s=self._timeout_s,
        )

    def _check_progress(self, log: Log, after: int, progress_at: float) -> None:
        if self._client.is_closed or time.monotonic() - progress_at > self._timeout_s:
            raise LogFault(f"reading {log} brought nothing after {after} for {self._timeout_s:g} s")
