"""Which of the known utterances was said. Compares sound with the recordings: order and clock play no part.

Each recording and each heard speech becomes a row of spectral shapes, which neither gain nor a telephone's band changes
much; the two are aligned in time (dynamic time warping that never steps back and goes at most at double pace, after
Itakura, "Minimum prediction residual principle applied to speech recognition", 1975). It must never guess: what is not
close enough to any recording is not recognised.
"""

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from simulators.scenario import Utterance
from simulators.speech import Samples, read_wav

Shapes = npt.NDArray[np.float64]
"""One row a hop, one column a band, and one for the level."""
Floats = npt.NDArray[np.float64]

HOP_S = 0.02
WINDOW_S = 0.032
BANDS = 20
LOWEST_HZ, HIGHEST_HZ = 150.0, 3400.0
DYNAMICS_DB = 20.0
"""How far below its loudest a sound still counts; less is background. Noise blurs the shapes the more, the larger."""

KNOWN_HOP_S = HOP_S / 2
"""Recordings are sampled twice as finely, so that it does not matter where the windows of the heard sound fall."""

STEP_COSTS = (0.3, 0.1, 0.0, 0.1, 0.3)
"""What it costs that one step of the heard goes 0, 1, 2, 3 or 4 steps in the known: 2 is the same pace, 4 is double."""

SHORTEST, LONGEST = 0.8, 1.25
"""How long the whole of an utterance may take against its recording: a part of it is not the whole."""

CLOSE_ENOUGH = 1.2
"""The largest distance at which an utterance is recognised. Measured: the same words stay under 0.6 with noise 10 dB
below them, cut at 2.5 kHz, or at another pace, and under 0.8 at another pitch; other words begin at 1.7."""
CLOSE_ENOUGH_PART = 0.85
"""The same for a part, which finds its like more easily: other words begin at 1.25."""
SHORTEST_PART_S = 0.5
"""Less than this is like anything."""


class Heard(msgspec.Struct, frozen=True):
    """The nearest utterance: the words of it that were said, and how far off the sound is (0 is equal)."""

    text: str
    distance: float


class Alignment(msgspec.Struct, frozen=True):
    """How heard shapes lie in known ones: distance a step, and from where to where, as shares of the known (0 to 1)."""

    distance: float
    start: float
    end: float


NOWHERE = Alignment(np.inf, 0.0, 0.0)


class Recogniser:
    """Knows the utterances of a scenario. Reads their recordings when made. Raises OSError, ValueError."""

    def __init__(self, utterances: tuple[Utterance, ...]) -> None:
        self._known = [
            (each.text, shapes(*trimmed(*read_wav(Path(each.wav))), hop_s=KNOWN_HOP_S)) for each in utterances
        ]

    def whole(self, samples: Samples, rate_hz: int) -> Heard | None:
        """The utterance that was said from beginning to end; None if it was none of the known."""
        heard = shapes(*trimmed(samples, rate_hz))
        alike = [(text, known) for text, known in self._known if _as_long(heard, known)]
        found = [Heard(text, align(heard, known).distance) for text, known in alike]
        return _nearest(found, CLOSE_ENOUGH)

    def part(self, samples: Samples, rate_hz: int) -> Heard | None:
        """The words that were said of an utterance that is not finished, or was joined late; None if of none."""
        heard = shapes(*trimmed(samples, rate_hz))
        if len(heard) * HOP_S < SHORTEST_PART_S:
            return None
        found = []
        for text, known in self._known:
            place = align(heard, known, anywhere=True)
            found.append(Heard(words_between(text, place.start, place.end), place.distance))
        return _nearest(found, CLOSE_ENOUGH_PART)


def align(heard: Shapes, known: Shapes, *, anywhere: bool = False) -> Alignment:
    """The best alignment, from beginning to end of both (within a twentieth); `anywhere`: to any part of `known`."""
    if not len(heard) or not len(known):
        return NOWHERE
    local = np.sqrt(np.maximum(_squared(heard, known), 0.0))
    places = np.arange(len(known))
    slack = max(3, len(known) // 20)
    before = np.full(len(STEP_COSTS) - 1, np.inf)
    origins = len(before) + places - np.arange(len(STEP_COSTS))[:, None]
    step_costs = np.array(STEP_COSTS)[:, None]
    cost = np.where(anywhere | (places < slack), local[0], np.inf)
    start = places
    for row in local[1:]:
        ways = np.concatenate([before, cost])[origins] + step_costs
        back = np.argmin(ways, axis=0)
        cost = ways[back, places] + row
        start = start[np.maximum(places - back, 0)]
    ends = np.where(anywhere | (places >= len(known) - slack), cost, np.inf)
    end = int(np.argmin(ends))
    return Alignment(float(ends[end]) / len(heard), int(start[end]) / len(known), (end + 1) / len(known))


def words_between(text: str, start: float, end: float) -> str:
    """The words whose middle lies between two shares of a text, each word having a share as large as its letters."""
    words = text.split()
    ends = np.cumsum([len(word) for word in words])
    middles = (ends - np.array([len(word) / 2 for word in words])) / max(1, ends[-1] if words else 1)
    return " ".join(word for word, middle in zip(words, middles, strict=True) if start <= middle <= end)


def shapes(samples: Samples, rate_hz: int, *, hop_s: float = HOP_S) -> Shapes:
    """The spectral shape every `hop_s`: log energy of each band against the mean of the window, and the level."""
    hop, window = round(rate_hz * hop_s), round(rate_hz * WINDOW_S)
    if samples.size < window:
        return np.zeros((0, BANDS + 1))
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64) / 32768, window)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) ** 2
    energies = power @ _bands(rate_hz, window).T
    loudest = max(float(energies.sum(axis=1).max()), 1e-12)
    floor = loudest / BANDS * 10 ** (-DYNAMICS_DB / 10)
    logs = np.log10(energies + floor)
    level = np.log10(energies.sum(axis=1, keepdims=True) / loudest + 10 ** (-DYNAMICS_DB / 10))
    return np.hstack([logs - logs.mean(axis=1, keepdims=True), level])


def trimmed(samples: Samples, rate_hz: int) -> tuple[Samples, int]:
    """Without the quiet at both ends (everything DYNAMICS_DB below the loudest)."""
    step = round(rate_hz * HOP_S)
    whole = samples.size // step * step
    if not whole:
        return samples[:0], rate_hz
    power = np.square(samples[:whole].astype(np.float64)).reshape(-1, step).mean(axis=1)
    loud = np.flatnonzero(power > max(power.max() * 10 ** (-DYNAMICS_DB / 10), 1.0))
    if not loud.size:
        return samples[:0], rate_hz
    return samples[loud[0] * step : (loud[-1] + 1) * step], rate_hz


def _nearest(found: list[Heard], furthest: float) -> Heard | None:
    best = min(found, key=lambda each: each.distance, default=None)
    return best if best is not None and best.distance <= furthest else None


def _as_long(heard: Shapes, known: Shapes) -> bool:
    known_length = len(known) * KNOWN_HOP_S / HOP_S
    return SHORTEST * known_length <= len(heard) <= LONGEST * known_length


def _squared(heard: Shapes, known: Shapes) -> Shapes:
    """The squared distance of every row of the one from every row of the other."""
    return np.asarray((heard**2).sum(1)[:, None] + (known**2).sum(1)[None, :] - 2 * heard @ known.T)


def _bands(rate_hz: int, window: int) -> Shapes:
    """Triangular bands, even on the mel scale."""
    lowest, highest = (2595 * float(np.log10(1 + hz / 700)) for hz in (LOWEST_HZ, HIGHEST_HZ))
    mel = np.linspace(lowest, highest, BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    bins = np.fft.rfftfreq(window, 1 / rate_hz)[None, :]
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weights = np.minimum((bins - low) / (mid - low), (high - bins) / (high - mid))
    return np.asarray(np.maximum(weights, 0.0))
