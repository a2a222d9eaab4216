"""The real Cartesia plugin against the simulator: every voice is heard as itself."""

import asyncio
import itertools
import json

import aiohttp
import numpy as np
import pytest
from livekit.agents import APIError, tts
from livekit.agents.types import APIConnectOptions
from livekit.plugins import cartesia

from simulators import Scenario, Simulators
from simulators.speech import Samples
from simulators.voices import duration_s, heard_pitch_hz, pitch_hz

pytestmark = pytest.mark.unit

TIMEOUT_S = 10.0
RATE_HZ = 24_000
ONCE = APIConnectOptions(max_retry=0, timeout=5.0)
TEXT = "I have opened the editor. Write your function and tell me when you are done."
VOICES = ("f786b574-daa5-4673-aa0c-cbe3e8534c02", "a0e99841-438c-4a64-b679-ae501e7d6091", "third")


async def listen(
    simulators: Simulators, http: aiohttp.ClientSession, text: str, *, voice: str = VOICES[0], **options: object
) -> list[tts.SynthesizedAudio]:
    """The frames of a text that is spoken through the socket."""
    speech = cartesia.TTS(base_url=simulators.cartesia_base_url, api_key="k", http_session=http, voice=voice, **options)  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(TIMEOUT_S), speech.stream(conn_options=ONCE) as stream:
            for word in text.split(" "):
                stream.push_text(word + " ")
            stream.end_input()
            return [frame async for frame in stream]
    finally:
        await speech.aclose()


def sound_of(frames: list[tts.SynthesizedAudio]) -> Samples:
    return np.concatenate([np.frombuffer(each.frame.data, np.int16) for each in frames])


@pytest.mark.parametrize("voice", VOICES)
async def test_a_voice_has_the_pitch_that_its_id_says(
    simulators: Simulators, http: aiohttp.ClientSession, voice: str
) -> None:
    heard = heard_pitch_hz(sound_of(await listen(simulators, http, TEXT, voice=voice)), RATE_HZ)
    assert heard == pytest.approx(pitch_hz(voice), rel=0.01)


def test_voices_differ() -> None:
    pitches = sorted(pitch_hz(voice) for voice in VOICES)
    assert all(high / low > 1.03 for low, high in itertools.pairwise(pitches))


async def test_a_scenario_may_set_the_pitch(http: aiohttp.ClientSession) -> None:
    async with Simulators(scenario=Scenario(voices={VOICES[0]: 321.0})) as simulators:
        heard = heard_pitch_hz(sound_of(await listen(simulators, http, TEXT)), RATE_HZ)
    assert heard == pytest.approx(321.0, rel=0.01)


async def test_the_sound_comes_in_several_frames_and_is_as_long_as_the_text(
    simulators: Simulators, http: aiohttp.ClientSession
) -> None:
    for text in ("Yes.", "Tell me when you are done.", TEXT):
        frames = await listen(simulators, http, text)
        length_s = sound_of(frames).size / RATE_HZ
        assert length_s == pytest.approx(duration_s(text), abs=0.15)
        assert len(frames) >= 2


async def test_words_come_with_times_that_go_on_over_the_sentences(
    simulators: Simulators, http: aiohttp.ClientSession
) -> None:
    frames = await listen(simulators, http, TEXT)
    words = [word for each in frames for word in each.frame.userdata.get("lk.timed_transcripts", [])]
    assert "".join(words).split() == TEXT.split()
    starts = [word.start_time for word in words]
    assert starts == sorted(starts)
    assert starts[-1] > 2.0


async def test_the_whole_sound_in_one_answer_is_the_same_voice(
    simulators: Simulators, http: aiohttp.ClientSession
) -> None:
    speech = cartesia.TTS(base_url=simulators.cartesia_base_url, api_key="k", http_session=http, voice=VOICES[1])
    async with asyncio.timeout(TIMEOUT_S), speech.synthesize(TEXT, conn_options=ONCE) as stream:
        sound = sound_of([frame async for frame in stream])
    await speech.aclose()
    assert sound.size / RATE_HZ == pytest.approx(duration_s(TEXT), abs=0.05)
    assert heard_pitch_hz(sound, RATE_HZ) == pytest.approx(pitch_hz(VOICES[1]), rel=0.01)


async def test_what_was_spoken_is_logged_by_voice_and_length(
    simulators: Simulators, http: aiohttp.ClientSession
) -> None:
    await listen(simulators, http, TEXT)
    logged = simulators.requests.of("cartesia")
    assert {each.voice for each in logged} == {VOICES[0]}
    assert sum(each.characters for each in logged) == pytest.approx(len(TEXT), abs=len(logged))


async def test_a_bad_format_is_an_error_to_the_plugin(simulators: Simulators, http: aiohttp.ClientSession) -> None:
    with pytest.raises(APIError, match="sample_rate"):
        await listen(simulators, http, TEXT, sample_rate=12_345)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"voice": {"mode": "embedding", "embedding": [0.1]}}, "voice"),
        ({"output_format": {"container": "mp3", "encoding": "mp3", "sample_rate": 24_000}}, "output_format"),
        ({"transcript": None}, "transcript"),
        ({"transcript": "x" * 10_001}, "transcript"),
    ],
)
async def test_bad_input_is_refused_and_the_socket_goes_on(
    simulators: Simulators, http: aiohttp.ClientSession, change: dict[str, object], complaint: str
) -> None:
    good: dict[str, object] = {
        "model_id": "sonic-3",
        "voice": {"mode": "id", "id": "v"},
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000},
        "transcript": " ",
        "context_id": "c1",
        "continue": False,
    }
    url = f"{simulators.cartesia_base_url}/tts/websocket?cartesia_version=1"
    async with asyncio.timeout(TIMEOUT_S), http.ws_connect(url, headers={"X-API-Key": "k"}) as socket:
        await socket.send_json(good | change)
        answer = await socket.receive_json()
        assert (answer["type"], answer["context_id"]) == ("error", "c1")
        assert complaint in answer["error"]
        await socket.send_str("{")
        assert (await socket.receive_json())["type"] == "error"
        await socket.send_json(good)
        assert (await socket.receive_json())["done"] is True
    assert len(simulators.requests) == 0


async def test_a_missing_key_is_refused(simulators: Simulators, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{simulators.cartesia_base_url}/tts/bytes", data=json.dumps({})) as response:
        assert response.status == 401


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 48_000])
def test_there_is_no_pitch_in_silence_nor_in_noise(rate_hz: int) -> None:
    assert heard_pitch_hz(np.zeros(rate_hz, np.int16), rate_hz) is None
    assert heard_pitch_hz(np.zeros(10, np.int16), rate_hz) is None
    noise = np.random.default_rng(3).normal(0, 3_000, rate_hz).astype(np.int16)
    assert heard_pitch_hz(noise, rate_hz) is None
