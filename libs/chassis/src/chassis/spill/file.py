"""The spill file of one writer: its sealed events that the log may not have yet, for whoever comes after its death.

Ciphertext only, as the events are. It is written by a thread within 50 ms and never synced: it outlives a killed
process, not a power cut. Nothing on the voice path waits for it, and a disk that fails costs the spill, not the call.

Format: frames of (length, CRC-32, bytes), both numbers 4 bytes big-endian. The first frame is the header in JSON,
each other one encoded envelope. Reading stops at the first frame that is not whole.
"""

import asyncio
import os
import struct
import threading
import zlib
from collections import deque
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog

from contracts.envelope import Envelope
from contracts.ids import CustomerId, SessionId
from contracts.subjects import Log

_log = structlog.get_logger(__name__)
_FRAME = struct.Struct(">II")
_COMPACT_BYTES = 4 * 1024 * 1024
_IDLE_S = 5.0


class SpillBroken(ValueError):
    """A file without a readable header: it is no spill, or its process died before it began."""

    code = "spill_broken"


class SpillHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Whose events these are. `revision` is the stream's when the writer began."""

    version: int = 1
    log: Log
    subject: str
    customer: CustomerId
    session: SessionId
    epoch: int
    revision: int


class SpillContents(msgspec.Struct, frozen=True):
    """What a spill holds, in order; `encoded` has each envelope's bytes as they were to be stored."""

    header: SpillHeader
    envelopes: list[Envelope]
    encoded: list[bytes]


class Spill:
    """The file, and the thread that writes it. `write` and `acked` never block; call `start` before them."""

    def __init__(self, path: Path, header: SpillHeader) -> None:
        self._path = path
        self._header = _frame(msgspec.json.encode(header))
        self._condition = threading.Condition()
        self._queue: deque[tuple[int, bytes]] = deque()
        self._acked_n = 0
        self._settled_n = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="spill", daemon=True)
        # The thread's own: the frames in the file, oldest first, and the file's size.
        self._frames: deque[tuple[int, int]] = deque()
        self._size = self._live = 0

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    def start(self) -> None:
        """Begin; the file is made by the thread, readable by its owner only."""
        self._thread.start()

    def write(self, n: int, encoded: bytes) -> None:
        """Have event number `n` written."""
        with self._condition:
            self._queue.append((n, encoded))
            self._condition.notify()

    def acked(self, n: int) -> None:
        """The log has everything up to `n`: the file may forget it."""
        with self._condition:
            self._acked_n = n
            # A disk that hangs must not make us hold what nobody needs any more.
            while self._queue and self._queue[0][0] <= n:
                self._queue.popleft()
            self._condition.notify()

    async def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits and end the thread. The file stays: see `remove`."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, timeout_s)

    def remove(self) -> None:
        """Delete the file, when all is acknowledged and the spill is closed."""
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        try:
            with self._create(self._path) as file:
                self._file: BinaryIO = file
                _write_all(file, self._header)
                self._size = len(self._header)
                self._serve()
                self._file.close()
        except OSError as error:
            _log.error("spill_failed", error=type(error).__name__, errno=error.errno)
            self._discard()

    def _serve(self) -> None:
        while True:
            with self._condition:
                while not (self._queue or self._closing or self._acked_n > self._settled_n):
                    self._condition.wait(_IDLE_S)
                queued, self._queue = self._queue, deque()
                acked_n, closing = self._acked_n, self._closing
            self._append([one for one in queued if one[0] > acked_n])
            self._forget(acked_n)
            self._settled_n = acked_n
            if closing and not queued:
                return

    def _append(self, events: list[tuple[int, bytes]]) -> None:
        if not events:
            return
        frames = [_frame(encoded) for _, encoded in events]
        _write_all(self._file, b"".join(frames))
        for (n, _), frame in zip(events, frames, strict=True):
            self._frames.append((n, len(frame)))
            self._size += len(frame)
            self._live += len(frame)

    def _forget(self, acked_n: int) -> None:
        """Shorten the file: at once when nothing is left in it, else when the most of it is dead."""
        while self._frames and self._frames[0][0] <= acked_n:
            self._live -= self._frames.popleft()[1]
        dead = self._size - len(self._header) - self._live
        if not dead:
            return
        if not self._live:
            self._file.truncate(len(self._header))
            self._file.seek(len(self._header))
            self._size = len(self._header)
        elif dead > _COMPACT_BYTES and dead > self._live:
            self._compact()

    def _compact(self) -> None:
        shorter = self._path.with_name(self._path.name + ".new")
        shorter.unlink(missing_ok=True)
        with self._path.open("rb") as whole:
            whole.seek(self._size - self._live)
            rest = whole.read(self._live)
        file = self._create(shorter)
        _write_all(file, self._header + rest)
        shorter.replace(self._path)
        self._file.close()
        self._file, self._size = file, len(self._header) + self._live

    def _discard(self) -> None:
        """Without a disk, go on without a spill: keep nothing in memory for it."""
        while True:
            with self._condition:
                self._queue.clear()
                if self._closing:
                    return
                self._condition.wait(_IDLE_S)

    @staticmethod
    def _create(path: Path) -> BinaryIO:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "wb", buffering=0)


def read_spill(path: Path) -> SpillContents:
    """What a spill holds. A torn end is passed over. Raises SpillBroken, OSError."""
    content = path.read_bytes()
    frames = _frames(content)
    try:
        header = msgspec.json.decode(frames[0], type=SpillHeader)
        envelopes = [msgspec.json.decode(frame, type=Envelope) for frame in frames[1:]]
    except (IndexError, msgspec.MsgspecError) as error:
        raise SpillBroken(f"{path.name} is not a spill") from error
    return SpillContents(header, envelopes, frames[1:])


def _frame(content: bytes) -> bytes:
    return _FRAME.pack(len(content), zlib.crc32(content)) + content


def _frames(content: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, at)
        body = content[at + _FRAME.size : at + _FRAME.size + length]
        if len(body) < length or zlib.crc32(body) != checksum:
            break
        found.append(body)
        at += _FRAME.size + length
    return found


def _write_all(file: BinaryIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]
