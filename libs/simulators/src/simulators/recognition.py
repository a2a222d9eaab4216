"""Which of the known utterances was said. Compares sound with the recordings: order and clock play no part.

Each recording and each heard speech becomes a row of spectral shapes, which neither gain nor a telephone's band
changes much; the two are aligned in time (dynamic time warping, each step of the one advancing the other by none, one
or two: Itakura, "Minimum prediction residual principle applied to speech recognition", 1975). It must never guess: what
is not close enough to any recording is not recognised.
"""

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from simulators.scenario import Utterance
from simulators.speech import Samples, read_wav

Shapes = npt.NDArray[np.float64]
"""One row a HOP_S, one column a band."""

HOP_S = 0.02
WINDOW_S = 0.032
BANDS = 20
LOWEST_HZ, HIGHEST_HZ = 150.0, 3400.0
DYNAMICS_DB = 20.0
"""How far below its loudest a sound still counts; less is background. Noise blurs the shapes the more, the larger."""

STALL_COST = 0.3
"""For standing still in, or skipping, the recording: speech is uneven, but not by that much."""

SHORTEST, LONGEST = 0.8, 1.25
"""How long the whole of an utterance may take against its recording: a part of it is not the whole."""

CLOSE_ENOUGH = 1.2
"""The largest distance at which an utterance is recognised. Measured: the same words stay under 0.6 with noise 10 dB
below them or cut at 2.5 kHz, and under 0.8 at other paces and pitches; other words begin at 1.7."""


class Heard(msgspec.Struct, frozen=True):
    """The nearest utterance: its text, how far off it is (0 is equal), and how much of it was said (0 to 1)."""

    text: str
    distance: float
    share: float = 1.0


class Recogniser:
    """Knows the utterances of a scenario. Reads their recordings when made. Raises OSError, ValueError."""

    def __init__(self, utterances: tuple[Utterance, ...]) -> None:
        self._known = [(each.text, shapes(*trimmed(*read_wav(Path(each.wav))))) for each in utterances]

    def whole(self, samples: Samples, rate_hz: int) -> Heard | None:
        """The utterance that was said from beginning to end; None if it was none of the known."""
        return self._nearest(samples, rate_hz, whole=True)

    def beginning(self, samples: Samples, rate_hz: int) -> Heard | None:
        """The utterance that begins like this, with how much of it was said so far; None if none does."""
        return self._nearest(samples, rate_hz, whole=False)

    def _nearest(self, samples: Samples, rate_hz: int, *, whole: bool) -> Heard | None:
        heard = shapes(*trimmed(samples, rate_hz))
        alike = [(text, known) for text, known in self._known if not whole or _as_long(heard, known)]
        found = [Heard(text, *align(heard, known, whole=whole)) for text, known in alike]
        best = min(found, key=lambda each: each.distance, default=None)
        return best if best is not None and best.distance <= CLOSE_ENOUGH else None


def align(heard: Shapes, known: Shapes, *, whole: bool) -> tuple[float, float]:
    """Distance per step, and the share of `known` covered, of the best alignment that begins at both beginnings.

    With `whole` it reaches the end of `known` (within a tenth), else it ends where that is cheapest.
    """
    if not heard.size or not known.size:
        return np.inf, 0.0
    local = np.sqrt(np.maximum(_squared(heard, known), 0.0))
    cost = np.full(len(known), np.inf)
    slack = max(3, len(known) // 20)
    cost[:slack] = local[0, :slack]
    for row in local[1:]:
        one = np.concatenate([[np.inf], cost[:-1]])
        two = np.concatenate([[np.inf, np.inf], cost[:-2]]) + STALL_COST
        cost = np.minimum(np.minimum(cost + STALL_COST, one), two) + row
    ends = cost[-max(3, len(known) // 20) :] if whole else cost
    best = int(np.argmin(ends)) + len(known) - len(ends)
    return float(cost[best]) / len(heard), (best + 1) / len(known)


def shapes(samples: Samples, rate_hz: int) -> Shapes:
    """The spectral shape every HOP_S: log energy of each band against the mean of the window, and the level."""
    hop, window = round(rate_hz * HOP_S), round(rate_hz * WINDOW_S)
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


def _as_long(heard: Shapes, known: Shapes) -> bool:
    return SHORTEST * len(known) <= len(heard) <= LONGEST * len(known)


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
