"""What reached the participant's ear: bursts of speech with their measured pitch. Measured, never assumed."""

import asyncio
import time

import msgspec
import numpy as np
import numpy.typing as npt

from simulators.voices import heard_pitch_hz

RATE_HZ = 24_000
_LOUD_RMS = 300.0
_SILENCE_S = 0.7
_MIN_BURST_S = 0.2


class Burst(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of speech: seconds on the monotonic clock, and the pitch in Hz (None when it has none)."""

    started_s: float
    ended_s: float
    pitch_hz: float | None


class Hearing:
    """Takes audio frames of RATE_HZ mono as they arrive, and tells bursts of speech from silence."""

    def __init__(self) -> None:
        self.bursts: list[Burst] = []
        self.heard_s = 0.0
        self._open: list[npt.NDArray[np.int16]] = []
        self._started_s = self._loud_s = self._heard_s = 0.0
        self._changed = asyncio.Condition()

    async def frame(self, samples: npt.NDArray[np.int16]) -> None:
        """One frame, some 10 ms."""
        now = self._heard_s = time.monotonic()
        loud = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) > _LOUD_RMS
        if loud:
            if not self._open:
                self._started_s = now
            self._loud_s = now
            self.heard_s += len(samples) / RATE_HZ
        if self._open or loud:
            self._open.append(samples)
        if self._open and now - self._loud_s > _SILENCE_S:
            await self._close()

    async def watch(self) -> None:
        """For ever: speech also ends where nothing arrives any more, because its speaker has left."""
        while True:
            await asyncio.sleep(_SILENCE_S / 4)
            if self._open and time.monotonic() - self._heard_s > _SILENCE_S:
                await self._close()

    async def next_burst(self, after: int, *, timeout_s: float) -> Burst:
        """The burst with index `after` (0 is the first), once it has ended; raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: len(self.bursts) > after)
        return self.bursts[after]

    @property
    def speaking(self) -> bool:
        """Whether the agent is heard right now."""
        return bool(self._open)

    async def _close(self) -> None:
        sound = np.concatenate(self._open)
        self._open = []
        if self._loud_s - self._started_s < _MIN_BURST_S:
            return
        pitch = await asyncio.to_thread(heard_pitch_hz, sound, RATE_HZ)
        async with self._changed:
            self.bursts.append(Burst(started_s=self._started_s, ended_s=self._loud_s, pitch_hz=pitch))
            self._changed.notify_all()
