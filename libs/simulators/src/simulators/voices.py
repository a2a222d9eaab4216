"""Voices: each voice id has a pitch of its own, so that a listener can tell by measuring which voice it heard.

The sound is a buzz with the overtones of a vowel, swelling syllable by syllable; it says nothing, and its length
follows the length of the text. It must never be random: one text in one voice always gives the same samples.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from simulators.speech import Samples

LOWEST_HZ, HIGHEST_HZ = 90.0, 260.0
SECONDS_PER_CHARACTER = 0.055
SHORTEST_S = 0.3
SYLLABLES_PER_S = 4.5
OVERTONES = 12
PEAK = 12_000

Floats = npt.NDArray[np.float64]


def pitch_hz(voice_id: str, pitches: Mapping[str, float] | None = None) -> float:
    """The fundamental of a voice: from `pitches` (a scenario's `voices`), else from the id, in 90 to 260 Hz."""
    if pitches and voice_id in pitches:
        return pitches[voice_id]
    place = int.from_bytes(hashlib.sha256(voice_id.encode()).digest()[:4], "big") / 2**32
    return round(float(LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** place), 1)


def duration_s(text: str, *, speed: float = 1.0) -> float:
    """How long a text takes: SECONDS_PER_CHARACTER each, SHORTEST_S at least; nothing for blank text."""
    characters = len(text.strip())
    return max(SHORTEST_S, characters * SECONDS_PER_CHARACTER) / speed if characters else 0.0


class Speech:
    """A text in a voice, given out in pieces, so that nobody waits for all of it to be computed."""

    def __init__(self, text: str, *, pitch: float, rate_hz: int, speed: float = 1.0) -> None:
        self.length = round(duration_s(text, speed=speed) * rate_hz)
        self._rate_hz = rate_hz
        self._pitch = pitch
        self._wave = _one_period(pitch, rate_hz)

    def samples(self, start: int, count: int) -> Samples:
        """`count` samples from sample `start` on, fewer at the end."""
        at = np.arange(start, min(start + count, self.length)) / self._rate_hz
        phase = (at * self._pitch) % 1.0 * (len(self._wave) - 1)
        voiced = np.interp(phase, np.arange(len(self._wave)), self._wave)
        return (voiced * self._swell(at) * PEAK).astype(np.int16)

    def _swell(self, at: Floats) -> Floats:
        syllables = 0.55 - 0.45 * np.cos(2 * np.pi * SYLLABLES_PER_S * at)
        edges = np.minimum(at, self.length / self._rate_hz - at) / 0.02
        return np.asarray(syllables * np.clip(edges, 0.0, 1.0))


def heard_pitch_hz(samples: Samples, rate_hz: int) -> float | None:
    """The pitch of the voice in these samples, within about 1 %; None where there is no voice (half a second needed).

    By the highest peak of the autocorrelation between 60 and 400 Hz, over the loudest part.
    """
    sound = _loudest(samples.astype(np.float64), round(rate_hz * 0.5))
    if sound is None:
        return None
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size), n=2 * sound.size)) ** 2
    correlation = np.fft.irfft(spectrum)[: sound.size // 2]
    shortest, longest = int(rate_hz / 400), int(rate_hz / 60)
    window = correlation[shortest : longest + 1] / correlation[0]
    # A multiple of the period correlates nearly as well: the shortest lag that comes close to the best is the period.
    peaks = [n for n in range(1, len(window) - 1) if window[n - 1] < window[n] >= window[n + 1]]
    if not peaks or max(window[n] for n in peaks) < 0.4:
        return None
    best = max(window[n] for n in peaks)
    lag = next(n for n in peaks if window[n] >= 0.9 * best)
    left, middle, right = window[lag - 1 : lag + 2]
    shift = 0.5 * (left - right) / (left - 2 * middle + right)
    return float(rate_hz / (shortest + lag + shift))


def _loudest(sound: Floats, length: int) -> Floats | None:
    if sound.size < length:
        return None
    energy = np.concatenate([[0.0], np.cumsum(np.square(sound))])
    sums = energy[length:] - energy[:-length]
    start = int(np.argmax(sums))
    return sound[start : start + length] if sums[start] / length > 100.0 else None


def _one_period(pitch: float, rate_hz: int) -> Floats:
    """One period of the buzz, normalised: overtones that the rate can carry, strong near 700 Hz as in an open vowel."""
    phase = np.linspace(0.0, 2 * np.pi, 2049)
    orders = [n for n in range(1, OVERTONES + 1) if n * pitch < rate_hz / 2 * 0.9]
    strengths = [1 / n + 0.6 * np.exp(-(((n * pitch - 700.0) / 250.0) ** 2)) for n in orders]
    wave = sum(s * np.sin(n * phase) for n, s in zip(orders, strengths, strict=True))
    return np.asarray(wave / np.max(np.abs(wave)))
