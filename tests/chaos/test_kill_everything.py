"""`kill -9` of the whole of `baton up`, at seeded points, over one data folder: nothing acknowledged is lost.

Each restart is the next point's start. A point that fails names its seed and phase; run it alone with
``pytest "tests/chaos/test_kill_everything.py::…[<seed>-<phase>]"``: the same seed waits for the same things, and the
same time after them.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from livekit import rtc
from tests.support.invariants import ENDS, assert_invariants
from tests.support.live_calls import Call, a_call, a_customer, until_no_slot_is_taken
from tests.support.log_watch import LogWatch, watching
from tests.support.stack import Stack
from tests.support.until import until

from baton.ready import Ready
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from contracts.events.panel import PanelChanged
from contracts.positions import decode_position
from contracts.registry import decode_data
from contracts.subjects import Log
from contracts.template_version import Limits

pytestmark = pytest.mark.chaos

CUSTOMER = "killed"
STORES_OPEN = "NATS and PostgreSQL answer"
END_WITHIN_S = 30.0

Phase = Callable[["Point"], Awaitable[None]]


class Point:
    """One kill: the call that is held until then, and what was acknowledged to whoever looked."""

    def __init__(self, *, seed: int, stack: Stack, live: Ready, watch: LogWatch, call: Call) -> None:
        self.stack, self.live, self.watch, self.call = stack, live, watch, call
        self.chance = random.Random(seed)
        self.edits: dict[int, str] = {}

    async def kill_within(self, up_to_s: float) -> None:
        """After a while that the seed decides, at once and everything; the participant is still in the room."""
        await asyncio.sleep(self.chance.uniform(0, up_to_s))
        self.stack.kill()

    async def greeted(self) -> None:
        """The greeting is over."""
        await self.watch.until_seen(self.call.session, "turn.agent_said", timeout_s=30)


async def right_after_the_start(point: Point) -> None:
    await point.kill_within(0.4)


async def at_the_join(point: Point) -> None:
    async with point.call.joined():
        await point.kill_within(0.5)


async def in_the_greeting(point: Point) -> None:
    async with point.call.joined() as page:
        await until(lambda: page.hearing.speaking or page.hearing.heard_s > 0, timeout_s=30, what="the agent speaks")
        await point.kill_within(0.5)


async def in_a_turn(point: Point) -> None:
    async with point.call.joined():
        await point.greeted()
        await point.call.type("What can you do?")
        await point.kill_within(1.0)


async def in_a_handoff(point: Point) -> None:
    async with point.call.joined():
        await point.greeted()
        await point.call.type("I need help with my Python code.")
        await point.watch.until_seen(point.call.session, "handoff.requested", "tool.called")
        await point.kill_within(0.3)


async def in_a_panel_edit(point: Point) -> None:
    async with point.call.joined() as page:
        await point.greeted()
        await point.call.open_editor()
        stop = time.monotonic() + point.chance.uniform(0.3, 1.0)
        while time.monotonic() < stop:
            code = f"line = {len(point.edits)}\n"
            point.edits[len(point.edits) + 1] = code
            point.call.edit(code)
            await asyncio.sleep(0.02)
        point.stack.kill()
        for seq in range(len(point.edits) - page.panels.unacked + 1, len(point.edits) + 1):
            del point.edits[seq]


async def at_the_end(point: Point) -> None:
    async with point.call.joined():
        await point.greeted()
        await point.call.type("Goodbye.")
        await point.kill_within(2.0)


async def between_calls(point: Point) -> None:
    async with point.call.joined():
        await point.greeted()
        await point.call.type("Goodbye.")
        await point.call.api.until_status(point.call.session, "closed", timeout_s=30)
    await point.kill_within(1.0)


async def in_the_shutdown(point: Point) -> None:
    async with point.call.joined():
        await point.greeted()
        os.kill(point.stack.process.pid, signal.SIGINT)
        await point.kill_within(2.0)


async def in_the_next_start(point: Point) -> None:
    """Killed in a call, and again while the stores of the next start are open already."""
    await in_a_turn(point)
    printed = len(point.stack.printed())
    point.stack.spawn()
    await until(lambda: STORES_OPEN in point.stack.printed()[printed:], timeout_s=60, what="the stores are open")
    await point.kill_within(3.0)


PHASES: list[Phase] = [
    right_after_the_start,
    at_the_join,
    in_the_greeting,
    in_a_turn,
    in_a_handoff,
    in_a_panel_edit,
    at_the_end,
    between_calls,
    in_the_shutdown,
    in_the_next_start,
]
POINTS = [(seed, PHASES[seed % len(PHASES)]) for seed in range(2 * len(PHASES))]


def _chain(first: int) -> list[object]:
    """Every second point, so that two workers share them; each chain goes through every phase."""
    chosen = [(seed, phase) for seed, phase in POINTS if seed // len(PHASES) == first]
    return [
        pytest.param(seed, phase, id=f"{seed}-{phase.__name__}", marks=pytest.mark.xdist_group(f"chaos-kill-{first}"))
        for seed, phase in chosen
    ]


class Chain:
    """The stack that is killed again and again, and all that was ever seen in its log."""

    def __init__(self, data: Path) -> None:
        self.stack, self.watch = Stack(data), LogWatch()
        self._key = ""
        self.started = False

    async def live(self) -> Ready:
        """Running, with a customer whose sessions end soon when they are left alone."""
        if self.started and self.stack.process.poll() is None:
            found = self.stack.ready
        else:
            self.started = True
            found = self.stack.start(timeout_s=90)
        if not self._key:
            limits = Limits(grace_s=5, join_timeout_s=10, away_timeout_s=120)
            self._key = (await a_customer(found, self.stack.data, CUSTOMER, max_sessions=1, limits=limits)).api_key
        return msgspec.structs.replace(found, api_key=self._key, template_id="short")


@pytest.fixture(scope="module")
def chain(livekit_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    made = Chain(tmp_path_factory.mktemp("killed") / "data")
    try:
        yield made
    finally:
        if made.started:
            made.stack.kill()


@pytest.mark.parametrize(("seed", "phase"), [*_chain(0), *_chain(1)])
async def test_nothing_acknowledged_is_lost_and_the_session_gets_its_one_end(
    chain: Chain, seed: int, phase: Phase
) -> None:
    live, watch = await chain.live(), chain.watch
    async with watching(live.nats_url, watch), a_call(live) as call:
        point = Point(seed=seed, stack=chain.stack, live=live, watch=watch, call=call)
        with contextlib.suppress(rtc.ConnectError):
            await phase(point)
    live = await chain.live()
    await _nothing_is_lost(live, watch, point)
    async with watching(live.nats_url, watch):
        await watch.until_seen(call.session, *ENDS, timeout_s=END_WITHIN_S)
        await watch.until_seen(call.session, "session.closed", writer="admission", timeout_s=END_WITHIN_S)
    await assert_invariants(live, chain.stack.data, call.session, seen=watch.commits.values())
    await until_no_slot_is_taken(live, CUSTOMER)


async def _nothing_is_lost(live: Ready, watch: LogWatch, point: Point) -> None:
    """What was seen in the log, what the API gave a position for, and what the page was told to forget."""
    async with connect(live.nats_url, name="test") as client:
        stored = {commit.sequence: commit async for commit in NatsEventLog(client).read(Log.SESSIONS, "evt.>")}
    for sequence, commit in watch.commits.items():
        kept = stored.get(sequence)
        assert kept is not None, f"commit {sequence} of {commit.subject} is gone"
        assert (kept.subject, kept.payload) == (commit.subject, commit.payload)
    admitted = stored[decode_position(point.call.started["position"]).sequence]
    assert admitted.subject.endswith(f".{point.call.session}.admission")
    told = LogWatch()
    told.commits = stored
    edits = [decode_data(event) for event in told.events(point.call.session) if event.type == "panel.changed"]
    seqs = [edit.seq for edit in edits if isinstance(edit, PanelChanged) and edit.seq]
    assert sorted(set(seqs)) == sorted(seqs)
    assert set(point.edits) <= set(seqs)
