"""Where speech begins and ends in a stream of sound, by its energy. It must never know what is said.

A window is loud when it stands out of the background, which is followed slowly upwards and at once downwards, so that
steady noise is silence after a while and a quiet speaker is still heard.
"""

from typing import Literal

import msgspec
import numpy as np

from simulators.speech import Samples

WINDOW_S = 0.02
ONSET_WINDOWS = 4
"""Loud windows, out of the last six, that make speech begin: 80 ms. A click is shorter."""
HANGOVER_S = 0.4
"""Quiet that ends speech. Pauses at commas last 0.25 s."""
PREROLL_S = 0.2
"""Sound before the onset is noticed that belongs to the speech: the onset itself, and soft consonants before it."""
POSTROLL_S = 0.1
"""Quiet that is kept at the end of speech."""
LONGEST_S = 20.0
"""Speech is cut here, so that the sound held stays bounded."""

QUIETEST_SPEECH_DB = -55.0
LOUDEST_BACKGROUND_DB = -35.0
"""What the first sound of a stream may set the background to: it may be speech already."""
ABOVE_BACKGROUND_DB = 6.0
BACKGROUND_RISE_DB = 0.1


class Began(msgspec.Struct, frozen=True):
    """Speech began. `at_s` counts from the start of the stream."""

    at_s: float


class Ended(msgspec.Struct, frozen=True):
    """Speech ended, in quiet, because it was asked to, or for its length. `samples` is all of it with its preroll."""

    at_s: float
    duration_s: float
    samples: Samples
    because: Literal["quiet", "flush", "length"]


class Segmenter:
    """Takes in sound bit by bit, gives the beginnings and ends of speech. Holds LONGEST_S of sound at most."""

    def __init__(self, *, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.heard_samples = 0
        self._window = round(rate_hz * WINDOW_S)
        self._rest: Samples = np.zeros(0, dtype=np.int16)
        self._held: list[Samples] = []
        self._loud: list[bool] = []
        self._speaking_from: int | None = None
        self._quiet_windows = 0
        self._background_db: float | None = None

    @property
    def speaking(self) -> bool:
        """Whether speech has begun and not ended."""
        return self._speaking_from is not None

    @property
    def quiet_s(self) -> float:
        """How long it has been quiet."""
        return self._quiet_windows * WINDOW_S

    @property
    def heard_s(self) -> float:
        """How much sound came in so far."""
        return self.heard_samples / self.rate_hz

    def so_far(self) -> Samples:
        """The speech since it began; empty outside speech."""
        return np.concatenate(self._held) if self.speaking else np.zeros(0, dtype=np.int16)

    @property
    def began_at_s(self) -> float:
        """Where the sound of `so_far` begins."""
        return (self._speaking_from or 0) / self.rate_hz

    def take(self, samples: Samples) -> list[Began | Ended]:
        """Take in the next samples."""
        sound = np.concatenate([self._rest, samples]) if self._rest.size else samples
        whole = sound.size // self._window * self._window
        self._rest = sound[whole:].copy()
        taken = [self._take_window(window) for window in sound[:whole].reshape(-1, self._window)]
        return [event for event in taken if event is not None]

    def flush(self) -> Ended | None:
        """End the speech here, if there is any."""
        return self._end("flush") if self.speaking else None

    def _take_window(self, window: Samples) -> Began | Ended | None:
        loud = self._is_loud(window)
        self.heard_samples += window.size
        self._quiet_windows = 0 if loud else self._quiet_windows + 1
        self._held.append(window)
        if self.speaking:
            if self.quiet_s >= HANGOVER_S:
                return self._end("quiet")
            return self._end("length") if len(self._held) * WINDOW_S >= LONGEST_S else None
        self._loud = [*self._loud[-5:], loud]
        self._held = self._held[-round(PREROLL_S / WINDOW_S) :]
        if sum(self._loud) < ONSET_WINDOWS:
            return None
        self._speaking_from = self.heard_samples - len(self._held) * self._window
        return Began(at_s=self.heard_s)

    def _is_loud(self, window: Samples) -> bool:
        power = float(np.mean(np.square(window.astype(np.float64) / 32768)))
        level_db = float(10 * np.log10(power + 1e-12))
        if self._background_db is None:
            self._background_db = min(level_db, LOUDEST_BACKGROUND_DB)
        loud = bool(level_db > max(QUIETEST_SPEECH_DB, self._background_db + ABOVE_BACKGROUND_DB))
        self._background_db = min(max(level_db, -90.0), self._background_db + BACKGROUND_RISE_DB)
        return loud

    def _end(self, because: Literal["quiet", "flush", "length"]) -> Ended:
        superfluous = self._quiet_windows - round(POSTROLL_S / WINDOW_S)
        if superfluous > 0:
            self._held = self._held[:-superfluous]
        ended = Ended(
            at_s=self.began_at_s,
            duration_s=len(self._held) * WINDOW_S,
            samples=self.so_far(),
            because=because,
        )
        self._speaking_from = None
        self._held = []
        self._loud = []
        return ended
