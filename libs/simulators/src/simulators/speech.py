"""Speech: what the user of a scenario sounds like, and sampled sound in and out of WAV files.

It must never invent speech: a text that can neither be spoken nor was recorded is refused.
"""

import io
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simulators.scenario import DEMO, Scenario, load

Samples = npt.NDArray[np.int16]
"""One channel of sound, 16 bits a sample."""

RATE_HZ = 16_000
"""Sampling rate of the committed recordings, and of what `speak` gives."""

VOICE = "en-us"
WORDS_PER_MINUTE = 150


class CannotSpeak(Exception):
    """espeak-ng is not installed, and the scenario has no recording of this text."""


def speak(text: str, *, scenario: Scenario | None = None, voice: str = VOICE) -> tuple[Samples, int]:
    """The text as speech (samples, rate in Hz): by espeak-ng where installed, else from the scenario's recordings.

    Blocks for some 20 ms. Raises CannotSpeak.
    """
    program = shutil.which("espeak-ng")
    if program is not None:
        return synthesize(text, program=program, voice=voice), RATE_HZ
    for utterance in (scenario or load(DEMO)).utterances:
        if utterance.text == text:
            samples, rate_hz = read_wav(Path(utterance.wav))
            return resample(samples, rate_hz, RATE_HZ), RATE_HZ
    raise CannotSpeak("install espeak-ng, or add a recording of this text to the scenario")


def synthesize(text: str, *, program: str, voice: str = VOICE) -> Samples:
    """The text as spoken by espeak-ng, at RATE_HZ."""
    command = [program, "-v", voice, "-s", str(WORDS_PER_MINUTE), "--stdin", "--stdout"]
    spoken = subprocess.run(command, input=text.encode(), capture_output=True, check=True, timeout=20)
    samples, rate_hz = decode_wav(spoken.stdout)
    return resample(samples, rate_hz, RATE_HZ)


def read_wav(path: Path) -> tuple[Samples, int]:
    """Samples and rate in Hz of a WAV file, 16-bit mono. Raises ValueError, OSError."""
    return decode_wav(path.read_bytes())


def decode_wav(content: bytes) -> tuple[Samples, int]:
    """Samples and rate in Hz of a WAV, 16-bit mono, also one piped without its length. Raises ValueError."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise ValueError("not a 16-bit mono WAV")
            frames = file.readframes(len(content) // 2)
            return np.frombuffer(frames[: len(frames) // 2 * 2], dtype="<i2").astype(np.int16), file.getframerate()
    except (wave.Error, EOFError) as error:
        raise ValueError(f"not a WAV: {error}") from error


def encode_wav(samples: Samples, rate_hz: int) -> bytes:
    """Samples as a 16-bit mono WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """The same sound at another rate, by cutting or padding its spectrum: exact, for sounds held whole in memory."""
    if from_hz == to_hz or not samples.size:
        return samples
    length = round(samples.size * to_hz / from_hz)
    spectrum = np.fft.rfft(samples.astype(np.float64))
    resampled = np.fft.irfft(spectrum[: length // 2 + 1], n=length) * (length / samples.size)
    return np.clip(np.round(resampled), -32768, 32767).astype(np.int16)
