"""P4: from an event's acknowledgement to the moment when a reader of the ledger finds it, at a steady rate.

The ledger runs as `baton run ledger`, with all its read models, on a real NATS and PostgreSQL; calls write what they
write while people talk. A reader looks at a read model's checkpoint again and again: it moves in the transaction that
writes the rows. There is nothing bare to compare with, so the baseline is the bound itself.
"""

import asyncio
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec

import ledger.bootstrap
import ledger.settings
from bench.figures import Figure, Goal, Progress, figure
from bench.processes import process
from chassis.clock import SystemClock
from chassis.embedded.nats_server import NatsServer
from chassis.embedded.ports import free_ports
from chassis.embedded.postgres import Postgres
from chassis.ids import new_id
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.postgres.bookkeeping import live_checkpoint
from chassis.recording import Origin, Recorder
from chassis.sealing import new_key
from chassis.settings import load
from contracts.events.turn import UserSaid, Words
from contracts.events.usage import LlmUsed
from contracts.ids import AgentId, CustomerId, KeyId, SessionId, TurnId
from contracts.subjects import Log, Writer, session_subject

BOUND_MS = 50.0
MODELS = ("session_history", "charges")
_CUSTOMER, _AGENT = CustomerId("bench"), AgentId("agent")
_WORDS = Words(text="Could you have a look at my code and tell me why the total is wrong?")
_SETTLE_S = 30.0
_LOOK_EVERY_S = 0.002


class Size(msgspec.Struct, frozen=True):
    """`per_second` events are appended, in as many commits, by `calls` writers, for `seconds`; then again."""

    per_second: int
    calls: int
    seconds: float
    rounds: int


FULL = Size(per_second=1000, calls=200, seconds=5, rounds=5)
QUICK = Size(per_second=200, calls=20, seconds=1, rounds=1)


class _Acked(msgspec.Struct, frozen=True):
    """Where an event went, and when that was acknowledged (monotonic seconds)."""

    sequence: int
    at_s: float


class _Seen(msgspec.Struct, frozen=True):
    """How far a read model had come at `at_s`."""

    sequence: int
    at_s: float


class _Call:
    """One writer; its appends follow one another."""

    def __init__(self, log: NatsEventLog) -> None:
        session = SessionId(new_id("ses"))
        origin = Origin(
            customer=_CUSTOMER, subject=session, writer=Writer.RUN, source="bench", keyid=KeyId(new_id("dk"))
        )
        self._recorder = Recorder(origin=origin, clock=SystemClock(), key=new_key(), epoch=1)
        self._subject = session_subject(_CUSTOMER, session, Writer.RUN)
        self._log, self._revision, self._line = log, 0, asyncio.Lock()

    async def append(self) -> _Acked:
        """The next event: what was said, then what answering it used, in turns."""
        async with self._line:
            turn = TurnId(f"turn_{self._recorder.last_n // 2}")
            if self._recorder.last_n % 2:
                used = {"input_tokens": 900, "cached_tokens": 600, "output_tokens": 40}
                event = self._recorder.record(
                    LlmUsed(provider="openai", model="gpt-4.1-mini", agent=_AGENT, turn=turn, quantities=used)
                )
            else:
                said = UserSaid(turn=turn, item_id=new_id("item"), agent=_AGENT, modality="voice", duration_ms=2100)
                event = self._recorder.record(said, _WORDS)
            position = await self._log.append(Log.SESSIONS, self._subject, [event], expected=self._revision)
            self._revision = position.sequence
            return _Acked(position.sequence, time.monotonic())


async def measure(say: Progress, *, quick: bool = False) -> list[Figure]:
    """P4-session_history and P4-charges: the 95th percentile of each round."""
    size = QUICK if quick else FULL
    say(f"P4: {size.per_second} events a second, read back from the ledger")
    found: dict[str, list[float]] = {model: [] for model in MODELS}
    behind = 0
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        async with _ledger(Path(folder)) as (log, dsn):
            for number in range(size.rounds + 1):
                delays, late_s = await _round(size, log, dsn)
                if number:  # the first warms up
                    behind += late_s > 1
                    for model in MODELS:
                        found[model].append(_p95_ms(delays[model]))
    note = f"in {behind} of {size.rounds} rounds the writers fell a second behind: THE RATE WAS NOT REACHED"
    return [_figure(model, found[model], size, note if behind else "") for model in MODELS]


def _figure(model: str, p95_ms: list[float], size: Size, note: str) -> Figure:
    return figure(
        id=f"P4-{model}",
        what=f"event acked → in {model}, p95, at {size.per_second} events/s; the baseline is the bound",
        unit="ms",
        goal=Goal("≤", 1),
        ours=p95_ms,
        baseline=[BOUND_MS],
        note=note,
    )


@asynccontextmanager
async def _ledger(folder: Path) -> AsyncIterator[tuple[NatsEventLog, str]]:
    (port,) = free_ports(1)
    async with (
        NatsServer(store=folder / "nats") as nats,
        Postgres(folder=folder / "postgres", password=secrets.token_urlsafe(16)) as postgres,
        connect(nats.url, name="bench") as client,
    ):
        environment = {
            "BATON_NATS_URL": nats.url,
            "BATON_POSTGRES_DSN": postgres.dsn,
            "BATON_KEY_PEPPER": secrets.token_hex(32),
            "BATON_SIGNING_KEY": secrets.token_hex(32),
            "BATON_PORT": str(port),
            "BATON_LOG_JSON": "true",
        }
        await ledger.bootstrap.migrate(load(ledger.settings.Settings, environment))
        argv = [sys.executable, "-m", "baton", "run", "ledger", "--data", str(folder)]
        async with process("ledger", argv, environment, port=port, folder=folder):
            yield NatsEventLog(client), postgres.dsn


async def _round(size: Size, log: NatsEventLog, dsn: str) -> tuple[dict[str, list[float]], float]:
    """Seconds from acknowledgement to visibility of each event, by read model; and how late the last append was."""
    calls = [_Call(log) for _ in range(size.calls)]
    done = asyncio.Event()
    async with asyncio.timeout(size.seconds + _SETTLE_S), asyncio.TaskGroup() as tasks:
        watchers = {model: tasks.create_task(_watch(dsn, model, done)) for model in MODELS}
        acked, late_s = await _paced(size, calls)
        await _until_all_there(dsn, max(one.sequence for one in acked))
        done.set()
    return {model: _delays(acked, task.result()) for model, task in watchers.items()}, late_s


async def _paced(size: Size, calls: Sequence[_Call]) -> tuple[list[_Acked], float]:
    """Open loop: each append has its moment, whether or not those before it are acknowledged."""
    count, begun = int(size.per_second * size.seconds), time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        appends: list[asyncio.Task[_Acked]] = []
        for number in range(count):
            wait_s = begun + number / size.per_second - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            appends.append(tasks.create_task(calls[number % len(calls)].append()))
    return [one.result() for one in appends], time.monotonic() - begun - size.seconds


async def _watch(dsn: str, model: str, done: asyncio.Event) -> list[_Seen]:
    """Every step that the read model's checkpoint took."""
    seen: list[_Seen] = []
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        while not done.is_set():
            checkpoint = await live_checkpoint(connection, ledger.bootstrap.SERVICE, model)
            if checkpoint is not None and (not seen or checkpoint.sequence > seen[-1].sequence):
                seen.append(_Seen(checkpoint.sequence, time.monotonic()))
            await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        await connection.close(timeout=5)
    return seen


async def _until_all_there(dsn: str, sequence: int) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        for model in MODELS:
            while True:
                checkpoint = await live_checkpoint(connection, ledger.bootstrap.SERVICE, model)
                if checkpoint is not None and checkpoint.sequence >= sequence:
                    break
                await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        await connection.close(timeout=5)


def _delays(acked: Sequence[_Acked], seen: Sequence[_Seen]) -> list[float]:
    """For each event, until the first look that found it; one that was found before its acknowledgement came: 0."""
    found: list[float] = []
    steps = iter(seen)
    step = next(steps)
    for one in sorted(acked, key=lambda one: one.sequence):
        while step.sequence < one.sequence:
            step = next(steps)
        found.append(max(0.0, step.at_s - one.at_s))
    return found


def _p95_ms(delays: Sequence[float]) -> float:
    return statistics.quantiles(delays, n=20)[18] * 1000
