"""The user's voice, and the simulators run alone."""

import asyncio
import json
import shutil
import signal
import sys
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from simulators import Scenario
from simulators.recognition import Recogniser
from simulators.speech import CannotSpeak, Samples, decode_wav, encode_wav, read_wav, resample, speak

pytestmark = pytest.mark.unit


def test_without_a_synthesizer_the_recording_speaks(demo: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    utterance = demo.utterances[0]
    samples, rate_hz = speak(utterance.text, scenario=demo)
    assert rate_hz == 16_000
    assert np.array_equal(samples, read_wav(Path(utterance.wav))[0])
    with pytest.raises(CannotSpeak):
        speak("Something that nobody has recorded.", scenario=demo)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_what_the_synthesizer_says_is_recognised_as_the_recording_would_be(demo: Scenario) -> None:
    recogniser = Recogniser(demo.utterances)
    for utterance in demo.utterances:
        heard = recogniser.whole(*speak(utterance.text))
        assert heard is not None
        assert heard.text == utterance.text
    for other in ("What is the weather like today?", "I would like to buy a car.", "Thank you very much."):
        assert recogniser.whole(*speak(other)) is None
        assert recogniser.part(*speak(other)) is None


def test_an_empty_recogniser_knows_nothing(demo: Scenario) -> None:
    samples, rate_hz = read_wav(Path(demo.utterances[0].wav))
    assert Recogniser(()).whole(samples, rate_hz) is None
    assert Recogniser(demo.utterances).whole(np.zeros(0, np.int16), rate_hz) is None


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 48_000])
def test_the_sampling_rate_does_not_matter(demo: Scenario, rate_hz: int) -> None:
    recogniser = Recogniser(demo.utterances)
    for utterance in demo.utterances:
        heard = recogniser.whole(resample(read_wav(Path(utterance.wav))[0], 16_000, rate_hz), rate_hz)
        assert heard is not None
        assert heard.text == utterance.text


def test_resampling_keeps_a_tone(recordings: dict[str, Samples]) -> None:
    def tone(rate_hz: int) -> Samples:
        return (10_000 * np.sin(2 * np.pi * 500 * np.arange(rate_hz) / rate_hz)).astype(np.int16)

    assert np.abs(resample(tone(22_050), 22_050, 16_000) - tone(16_000)).max() < 10


def test_a_wav_keeps_its_samples_and_others_are_refused(recordings: dict[str, Samples]) -> None:
    sound = next(iter(recordings.values()))
    samples, rate_hz = decode_wav(encode_wav(sound, 16_000))
    assert rate_hz == 16_000
    assert np.array_equal(samples, sound)
    with pytest.raises(ValueError, match="not a WAV"):
        decode_wav(b"RIFF")


async def test_alone_it_prints_its_addresses_and_stops_when_told() -> None:
    command = [sys.executable, "-m", "simulators"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(20):
        lines = [(await process.stdout.readline()).decode().strip() for _ in range(3)]
        addresses = dict(line.split("=", 1) for line in lines)
        async with aiohttp.ClientSession() as http:
            base = addresses["OPENAI_BASE_URL"].removesuffix("/openai/v1")
            async with http.get(f"{base}/healthz") as answer:
                assert await answer.json() == {"ok": True}
            async with http.get(f"{base}/requests") as answer:
                assert json.loads(await answer.text()) == []
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert set(addresses) == {"OPENAI_BASE_URL", "DEEPGRAM_BASE_URL", "CARTESIA_BASE_URL"}


async def test_alone_it_refuses_a_bad_scenario(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("rules: [{name: a, txt: b}]")
    command = [sys.executable, "-m", "simulators", "--scenario", str(tmp_path / "bad.yaml")]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(20):
        _, complaint = await process.communicate()
    assert process.returncode == 2
    assert b"unknown field `txt`" in complaint
