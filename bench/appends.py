"""P1: guarded appends, against bare nats-py sending the same bytes with the same headers.

A thousand writers, each with one append in flight and a stream of its own. On one node with JetStream's default sync,
and on three nodes that sync before each acknowledgement. Encoding the commit is part of our side: bare nats-py gets its
bytes ready made.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import nats
from nats.js import JetStreamContext
from nats.js.errors import BadRequestError

from bench.figures import Figure, Goal, Progress, figure, in_turns
from chassis.embedded.nats_cluster import NatsCluster
from chassis.embedded.nats_server import NatsServer
from chassis.ids import new_event_id, new_id
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs
from contracts.envelope import Envelope, encode_commit
from contracts.ids import CustomerId, EventId, SessionId
from contracts.subjects import Log, Writer, session_subject

WRITERS = 1000
EVENT_BYTES = 600
GOAL = Goal("≥", 0.9)
_ROUND_TIMEOUT_S = 60.0
_TRIES = 20
_NOT_YET = 10164
_CUSTOMER = CustomerId("bench")


class Size(msgspec.Struct, frozen=True):
    """How much is measured; `appends` is per writer and round."""

    writers: int
    appends: int
    rounds: int


FULL = Size(WRITERS, 6, 15)
QUICK = Size(100, 5, 2)


class Stream(msgspec.Struct, frozen=True):
    """What one writer will append: its events in order, each a commit, ready for either side."""

    subject: str
    events: list[Envelope]
    payloads: list[bytes]


Write = Callable[[Stream], Awaitable[None]]
"""Append everything of one stream, one after the other."""


async def measure(say: Progress, *, quick: bool = False) -> list[Figure]:
    """P1-r1 and P1-r3."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        say("P1: one node, default sync")
        async with NatsServer(store=Path(folder) / "one") as node:
            one = await _compare(node.url, replicas=1, id="P1-r1", where="R1", size=size)
        say("P1: three nodes, sync always")
        async with NatsCluster(folder=Path(folder) / "three", sync_always=True) as cluster:
            three = await _compare(cluster.urls[0], replicas=3, id="P1-r3", where="R3 always", size=size)
    return [one, three]


async def _compare(url: str, *, replicas: int, id: str, where: str, size: Size) -> Figure:
    """Both sides talk to the same node: whether that is the leader costs each the same."""
    async with connect(url, name="bench") as client:
        await declare_logs(client, replicas=replicas)
        bare = await nats.connect(url)
        try:
            log, js = NatsEventLog(client), bare.jetstream()
            ours, baseline = await in_turns(
                lambda: _round(size, lambda stream: _append(log, stream)),
                lambda: _round(size, lambda stream: _publish(js, stream)),
                rounds=size.rounds,
            )
        finally:
            await bare.close()
    return figure(
        id=id,
        what=f"guarded appends, {size.writers} writers, {EVENT_BYTES}-byte events, {where}",
        unit="appends/s",
        goal=GOAL,
        ours=ours,
        baseline=baseline,
    )


async def _round(size: Size, write: Write) -> float:
    """Appends per second, over all writers at once, on fresh streams."""
    streams = [_stream(size.appends) for _ in range(size.writers)]
    started = time.perf_counter()
    async with asyncio.timeout(_ROUND_TIMEOUT_S), asyncio.TaskGroup() as tasks:
        for stream in streams:
            tasks.create_task(_run(write, stream))
    return size.writers * size.appends / (time.perf_counter() - started)


async def _run(write: Write, stream: Stream) -> None:
    await write(stream)


async def _append(log: NatsEventLog, stream: Stream) -> None:
    revision = 0
    for event in stream.events:
        position = await log.append(Log.SESSIONS, stream.subject, [event], expected=revision)
        revision = position.sequence


async def _publish(js: JetStreamContext, stream: Stream) -> None:
    revision = 0
    for event, payload in zip(stream.events, stream.payloads, strict=True):
        headers = {"Nats-Msg-Id": event.id, "Nats-Expected-Last-Subject-Sequence": str(revision)}
        revision = await _published(js, stream.subject, payload, headers)


async def _published(js: JetStreamContext, subject: str, payload: bytes, headers: dict[str, str]) -> int:
    """Three nodes now and then refuse a right expectation for a moment (10164); whoever uses them bare tries again."""
    for _ in range(_TRIES):
        try:
            return (await js.publish(subject, payload, headers=headers)).seq
        except BadRequestError as error:
            if error.err_code != _NOT_YET:
                raise
    raise RuntimeError(f"refused {_TRIES} times over")


def _stream(appends: int) -> Stream:
    session = SessionId(new_id("ses"))
    events = [_event(session, n) for n in range(1, appends + 1)]
    payloads = [encode_commit([event]) for event in events]
    return Stream(session_subject(_CUSTOMER, session, Writer.RUN), events, payloads)


def _event(session: SessionId, n: int) -> Envelope:
    """An event of EVENT_BYTES as it is stored, as a turn's is: most of it a sealed text."""
    event = Envelope(
        id=EventId(new_event_id()),
        type="turn.user_said",
        v=1,
        time="2026-01-01T00:00:00.000000Z",
        customer=_CUSTOMER,
        subject=session,
        writer=Writer.RUN,
        n=n,
        epoch=1,
        source="bench",
        data=msgspec.Raw(b"{}"),
    )
    room = EVENT_BYTES - len(msgspec.json.encode(event)) - len(b'{"pad":""}') + len(b"{}")
    return msgspec.structs.replace(event, data=msgspec.Raw(b'{"pad":"' + b"x" * room + b'"}'))
