"""The outbox of one writer: takes sealed events without waiting, and publishes them in order from one task.

The voice path calls `put` and nothing else; it never waits for a disk or a log. One append is in flight at a time;
what gathers meanwhile becomes the next commit, encoded once, so that its retries are equal byte for byte.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
import structlog

from chassis.clock import Clock
from chassis.commit_packing import fits_alone, how_many_fit, join
from chassis.event_log import EventLog, LogFault, RevisionConflict, position_of
from chassis.spill import Spill
from contracts.envelope import Envelope, InvalidCommit
from contracts.positions import Position
from contracts.subjects import Log

OnAck = Callable[[Sequence[Envelope], Position], None]
"""Gets the events of a commit that is stored, and the position of the last of them. It must not block."""

MAX_BYTES = 64 * 1024 * 1024
MAX_SILENT_S = 300.0
_LAST_WORDS_BYTES = 1024 * 1024
_LONGEST_PAUSE_S = 2.0
_REMEMBERED_COMMITS = 4096

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class OutboxFenced(LogFault):
    """Another job has the session: nothing of ours is published any more."""

    code = "outbox_fenced"


class OutboxFull(LogFault):
    """The bound is passed, and the reserve for a last word as well."""

    code = "outbox_full"


class _Packed(msgspec.Struct, frozen=True):
    events: list[Envelope]
    payload: bytes
    held_bytes: int


class _Acked(msgspec.Struct, frozen=True):
    first_n: int
    sequence: int
    incarnation: str


class Outbox:
    """Events of one stream whose revision is `revision` and whose last event has the number `acked_n`.

    `fenced` is set when the stream has moved on without us, `failed` when more than `max_bytes` wait or nothing was
    acknowledged for `max_silent_s` seconds while something waited. Neither is ever cleared. After `failed` it goes on
    trying, and takes 1 MiB more, so that the job can say why it ends. Belongs to one event loop.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        log_name: Log,
        subject: str,
        revision: int,
        clock: Clock,
        spill: Spill | None = None,
        acked_n: int = 0,
        max_bytes: int = MAX_BYTES,
        max_silent_s: float = MAX_SILENT_S,
        retry_s: float = 0.1,
    ) -> None:
        self._log, self._log_name, self._subject, self._revision = log, log_name, subject, revision
        self._clock, self._spill = clock, spill
        self._max_bytes, self._max_silent_s, self._retry_s = max_bytes, max_silent_s, retry_s
        self._waiting: deque[tuple[Envelope, bytes]] = deque()
        self._in_flight: _Packed | None = None
        self._held_bytes = 0
        self._last_n = self._acked_n = acked_n
        self._acked: deque[_Acked] = deque(maxlen=_REMEMBERED_COMMITS)
        self._silent_since = 0.0
        self._work = asyncio.Event()
        self._waiters: list[tuple[int, asyncio.Future[Position]]] = []
        self._callbacks: list[OnAck] = []
        self.fenced = asyncio.Event()
        self.failed = asyncio.Event()

    @property
    def acked_n(self) -> int:
        """Number of the last event that is stored."""
        return self._acked_n

    @property
    def last_n(self) -> int:
        """Number of the last event that was put."""
        return self._last_n

    @property
    def revision(self) -> int:
        """The stream's revision as far as acknowledged."""
        return self._revision

    def on_ack(self, callback: OnAck) -> None:
        """Have `callback` called after each commit that was stored, in order."""
        self._callbacks.append(callback)

    def put(self, envelope: Envelope) -> None:
        """Take one event; at once, never touching a disk.

        Raises ValueError when `n` is not the next number, InvalidCommit when it is too large to be stored at all,
        OutboxFull past every bound. In all three cases the event is not taken.
        """
        if envelope.n != self._last_n + 1:
            raise ValueError(f"event {envelope.n} does not follow {self._last_n}")
        encoded = _encode(envelope)
        if not fits_alone(encoded):
            raise InvalidCommit(f"{envelope.type}: an event of {len(encoded)} bytes fits no commit")
        self._check_room(len(encoded))
        self._last_n = envelope.n
        if self._spill is not None:
            self._spill.write(envelope.n, encoded)
        if self.fenced.is_set():
            return
        if not self._held_bytes:
            self._silent_since = self._clock.monotonic()
        self._held_bytes += len(encoded)
        self._waiting.append((envelope, encoded))
        self._work.set()

    async def run(self) -> None:
        """Publish what is put, until cancelled or fenced. Cancelled and run again, it goes on with the same bytes."""
        while not self.fenced.is_set():
            await self._work.wait()
            await self._publish(self._pack())
            if not self._waiting:
                self._work.clear()

    async def wait_for(self, n: int, timeout_s: float) -> Position:
        """The position of event `n` once it is stored (of a later one, if `n` was stored long ago).

        Raises OutboxFenced, or LogFault when that takes longer than `timeout_s` seconds.
        """
        if n <= self._acked_n and self._acked:
            return self._position(n)
        if n <= self._acked_n:
            incarnation = await self._log.incarnation(self._log_name)
            return position_of(self._log_name, incarnation, self._subject, self._revision)
        if self.fenced.is_set():
            raise OutboxFenced(f"event {n} was not stored before the session was lost")
        stored: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        waiter = (n, stored)
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                return await stored
        except TimeoutError:
            raise LogFault(f"event {n} was not acknowledged within {timeout_s:g} s") from None
        finally:
            self._waiters.remove(waiter)

    async def drain(self, timeout_s: float) -> None:
        """Wait until all that was put is stored. Raises as `wait_for`."""
        if self._acked_n < self._last_n:
            await self.wait_for(self._last_n, timeout_s)

    def _check_room(self, size: int) -> None:
        held = self._held_bytes + size
        if held > self._max_bytes:
            self._fail("full")
        if held > self._max_bytes + _LAST_WORDS_BYTES:
            raise OutboxFull(f"{self._held_bytes} bytes wait for the log")

    def _pack(self) -> _Packed:
        """The next commit: the one in flight, until it is known to be stored."""
        if self._in_flight is None:
            count = how_many_fit(encoded for _, encoded in self._waiting)
            taken = [self._waiting.popleft() for _ in range(count)]
            encoded = [one for _, one in taken]
            self._in_flight = _Packed([event for event, _ in taken], join(encoded), sum(map(len, encoded)))
        return self._in_flight

    async def _publish(self, packed: _Packed) -> None:
        pause_s = self._retry_s
        while True:
            try:
                incarnation = await self._log.incarnation(self._log_name)
                sequence = await self._append(packed)
            except RevisionConflict as conflict:
                self._fence(conflict)
                return
            except LogFault as fault:
                _log.warning("outbox_append_failed", subject=self._subject, code=fault.code, waiting=self._held_bytes)
                self._check_silence()
            except Exception:
                self._fail("refused")
                raise
            else:
                self._acknowledge(packed, sequence, incarnation)
                return
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 (jitter)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _append(self, packed: _Packed) -> int:
        return await self._log.append_bytes(
            self._log_name,
            self._subject,
            packed.payload,
            message_id=packed.events[0].id,
            expected=self._revision,
        )

    def _acknowledge(self, packed: _Packed, sequence: int, incarnation: str) -> None:
        self._in_flight = None
        self._held_bytes -= packed.held_bytes
        self._revision = sequence
        self._acked_n = packed.events[-1].n
        self._acked.append(_Acked(packed.events[0].n, sequence, incarnation))
        self._silent_since = self._clock.monotonic()
        if self._spill is not None:
            self._spill.acked(self._acked_n)
        for n, future in self._waiters:
            if n <= self._acked_n and not future.done():
                future.set_result(self._position(n))
        position = self._position(self._acked_n)
        for callback in self._callbacks:
            self._call(callback, packed.events, position)

    def _call(self, callback: OnAck, events: Sequence[Envelope], position: Position) -> None:
        try:
            callback(events, position)
        except Exception as error:  # noqa: BLE001 (a boundary: a listener's mistake must not stop the record)
            _log.error("outbox_callback_failed", subject=self._subject, error=type(error).__name__)

    def _position(self, n: int) -> Position:
        found = next((one for one in reversed(self._acked) if one.first_n <= n), None)
        if found is None:
            oldest = self._acked[0]
            return position_of(self._log_name, oldest.incarnation, self._subject, oldest.sequence)
        return position_of(self._log_name, found.incarnation, self._subject, found.sequence, n - found.first_n)

    def _fence(self, conflict: RevisionConflict) -> None:
        _log.warning(
            "outbox_fenced", subject=self._subject, expected=conflict.expected, actual=conflict.actual, n=self._acked_n
        )
        self.fenced.set()
        self._waiting.clear()
        self._held_bytes = 0
        for n, future in self._waiters:
            if not future.done():
                future.set_exception(OutboxFenced(f"event {n} was not stored before the session was lost"))

    def _check_silence(self) -> None:
        if self._held_bytes and self._clock.monotonic() - self._silent_since > self._max_silent_s:
            self._fail("silent")

    def _fail(self, why: str) -> None:
        if not self.failed.is_set():
            _log.error("outbox_failed", subject=self._subject, why=why, waiting=self._held_bytes, n=self._acked_n)
            self.failed.set()
