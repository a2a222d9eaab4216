"""The log on JetStream while its servers are killed and come back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.chassis.event_log.suite import collect
from tests.support.envelopes import a_subject, an_event

from chassis.clock import SystemClock
from chassis.embedded.nats_cluster import NatsCluster
from chassis.embedded.nats_server import NatsServer
from chassis.event_log import Commit, LogFault
from chassis.nats import api
from chassis.nats.connection import Client, connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs
from chassis.outbox import Outbox
from contracts.envelope import Envelope, decode_commit
from contracts.subjects import Log

pytestmark = pytest.mark.chaos

BOUND_S = 60


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A node of the test's own, to be killed."""
    async with NatsServer(store=tmp_path / "nats") as server:
        yield server


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    async with connect(server.url, name="fault-tests") as client:
        await declare_logs(client, replicas=1)
        yield client


async def leader_of(client: Client, log: Log) -> int:
    """Number of the node that leads the log's stream."""
    found = await api.call(client, f"STREAM.INFO.{log}", None, dict[str, Any], timeout_s=5)
    return int(str(found["cluster"]["leader"]).removeprefix("node-"))


async def write(log: NatsEventLog, subject: str, count: int, half: asyncio.Event) -> list[Envelope]:
    """Append `count` commits one after another, whatever happens meanwhile; sets `half` on the way."""
    revision, events = 0, [an_event(n) for n in range(1, count + 1)]
    for event in events:
        revision = (await log.append(Log.SESSIONS, subject, [event], expected=revision)).sequence
        if event.n == count // 2:
            half.set()
    return events


async def test_a_killed_leader_costs_no_event_and_doubles_none(three_nodes: Client, nats_cluster: NatsCluster) -> None:
    log = NatsEventLog(three_nodes, timeout_s=BOUND_S)
    subjects = [a_subject() for _ in range(8)]
    halves = [asyncio.Event() for _ in subjects]
    async with asyncio.timeout(2 * BOUND_S), asyncio.TaskGroup() as group:
        tailing = group.create_task(collect(log, 8 * 60, timeout_s=2 * BOUND_S))
        writing = [
            group.create_task(write(log, subject, 60, half)) for subject, half in zip(subjects, halves, strict=True)
        ]
        await halves[0].wait()
        nats_cluster.kill(await leader_of(three_nodes, Log.SESSIONS))
    for subject, task in zip(subjects, writing, strict=True):
        stored = [event async for commit in log.read(Log.SESSIONS, subject) for event in decode_commit(commit.payload)]
        assert stored == task.result()
    sequences = [commit.sequence for commit in tailing.result()]
    assert sequences == sorted(set(sequences))
    assert {commit.sequence for commit in tailing.result()} == {
        commit.sequence async for commit in log.read(Log.SESSIONS, "evt.>")
    }


async def test_a_tail_goes_on_where_it_was_when_the_server_comes_back(client: Client, server: NatsServer) -> None:
    log, subject = NatsEventLog(client, timeout_s=BOUND_S), a_subject()
    found: asyncio.Queue[Commit] = asyncio.Queue()
    tailing = asyncio.create_task(_tail_into(log, found))
    revision = 0
    for n in range(1, 4):
        revision = (await log.append(Log.SESSIONS, subject, [an_event(n)], expected=revision)).sequence
        async with asyncio.timeout(BOUND_S):
            assert (await found.get()).sequence == revision
        server.child.kill()
        await server.start()
    tailing.cancel()
    await asyncio.gather(tailing, return_exceptions=True)
    assert found.empty()


async def test_an_outbox_loses_and_doubles_nothing_while_its_server_is_killed(
    client: Client, server: NatsServer
) -> None:
    log, subject, events = NatsEventLog(client, timeout_s=2), a_subject(), [an_event(n) for n in range(1, 901)]
    outbox = Outbox(log=log, log_name=Log.SESSIONS, subject=subject, revision=0, clock=SystemClock())
    publishing = asyncio.create_task(outbox.run())
    for number, event in enumerate(events):
        outbox.put(event)
        if number % 300 == 150:
            server.child.kill()
            await server.start()
        await asyncio.sleep(0)
    await outbox.drain(BOUND_S)
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    stored = [event async for commit in log.read(Log.SESSIONS, subject) for event in decode_commit(commit.payload)]
    assert stored == events


async def test_reading_waits_for_a_leader(three_nodes: Client, nats_cluster: NatsCluster) -> None:
    log, subject = NatsEventLog(three_nodes, timeout_s=BOUND_S), a_subject()
    await log.append(Log.SESSIONS, subject, [an_event(1)], expected=0)
    nats_cluster.kill(await leader_of(three_nodes, Log.SESSIONS))
    last = await log.last(Log.SESSIONS, subject)
    assert last is not None
    assert [commit async for commit in log.read(Log.SESSIONS, subject)] == [last]
    assert await log.end(Log.SESSIONS) == 1


async def test_a_log_out_of_reach_is_a_fault_and_the_same_commit_may_be_tried_again(
    client: Client, server: NatsServer
) -> None:
    log, subject, event = NatsEventLog(client, timeout_s=1), a_subject(), an_event(1)
    await log.append(Log.SESSIONS, a_subject(), [an_event(1)], expected=0)
    server.child.kill()
    async with asyncio.timeout(BOUND_S):
        with pytest.raises(LogFault):
            await log.append(Log.SESSIONS, subject, [event], expected=0)
        for question in (log.last(Log.SESSIONS, subject), log.end(Log.SESSIONS)):
            with pytest.raises(LogFault):
                await question
    await server.start()
    again = NatsEventLog(client, timeout_s=BOUND_S)
    assert (await again.append(Log.SESSIONS, subject, [event], expected=0)).sequence == 2
    assert await again.end(Log.SESSIONS) == 2


async def test_a_tail_outlives_the_loss_of_its_consumer(client: Client) -> None:
    log, subject = NatsEventLog(client), a_subject()
    found: asyncio.Queue[Commit] = asyncio.Queue()
    tailing = asyncio.create_task(_tail_into(log, found))
    await log.append(Log.SESSIONS, subject, [an_event(1)], expected=0)
    async with asyncio.timeout(BOUND_S):
        assert (await found.get()).sequence == 1
        names = await api.call(client, "CONSUMER.NAMES.SESSIONS", None, dict[str, Any], timeout_s=5)
        for name in names["consumers"]:
            await api.call(client, f"CONSUMER.DELETE.SESSIONS.{name}", None, dict[str, Any], timeout_s=5)
        await log.append(Log.SESSIONS, subject, [an_event(2)], expected=1)
        assert (await found.get()).sequence == 2
    tailing.cancel()
    await asyncio.gather(tailing, return_exceptions=True)


async def test_a_closed_tail_leaves_no_consumer_and_no_subscription(client: Client) -> None:
    log = NatsEventLog(client)
    await log.append(Log.SESSIONS, a_subject(), [an_event(1)], expected=0)
    subscriptions = len(client._subs)
    await collect(log, 1)
    assert [commit async for commit in log.read(Log.SESSIONS, "evt.>")]
    async with asyncio.timeout(BOUND_S):
        while True:
            names = await api.call(client, "CONSUMER.NAMES.SESSIONS", None, dict[str, Any], timeout_s=5)
            if not names["consumers"]:
                break
    assert len(client._subs) == subscriptions


async def test_no_server_at_all_is_a_fault(server: NatsServer) -> None:
    server.child.kill()
    with pytest.raises(LogFault):
        async with connect(server.url, name="nobody-there", start_timeout_s=0.5):
            pytest.fail("it connected to a dead server")


async def _tail_into(log: NatsEventLog, found: asyncio.Queue[Commit]) -> None:
    async with contextlib.aclosing(log.tail(Log.SESSIONS)) as tail:  # type: ignore[type-var]
        async for batch in tail:
            for commit in batch:
                found.put_nowait(commit)
