"""The real Deepgram plugin against the simulator, which answers only to what it hears."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from livekit import rtc
from livekit.agents import stt
from livekit.plugins import deepgram, silero
from tests.simulators.conftest import padded

from simulators import Scenario, Simulators
from simulators.scenario import Utterance
from simulators.speech import Samples, encode_wav, read_wav

pytestmark = pytest.mark.unit

Hear = Callable[..., Awaitable[list[stt.SpeechEvent]]]

TIMEOUT_S = 10.0
END = "END"
TEXTS = (
    "Hi, I need help with my Python code.",
    "Can you open an editor for me?",
    "I think I am done, can you check?",
    "Thank you, goodbye.",
)


def quieter(sound: Samples) -> Samples:
    return (sound * 0.3).astype(np.int16)


def noisy(sound: Samples) -> Samples:
    """White noise, 15 dB below the speech."""
    level = np.sqrt(np.mean(np.square(sound.astype(float)))) * 10 ** (-15 / 20)
    noise = np.random.default_rng(7).normal(0, level, sound.size)
    return np.clip(sound + noise, -32768, 32767).astype(np.int16)


def telephone(sound: Samples) -> Samples:
    """Cut off below 100 Hz and above 3 kHz, and rounded to 8 bits, as a poor codec would."""
    spectrum = np.fft.rfft(sound.astype(float))
    hz = np.fft.rfftfreq(sound.size, 1 / 16_000)
    cut = np.fft.irfft(spectrum / (1 + (hz / 3_000) ** 8) * (hz > 100), n=sound.size)
    return (np.round(cut / 256) * 256).astype(np.int16)


def a_frame(sound: Samples) -> rtc.AudioFrame:
    return rtc.AudioFrame(sound.tobytes(), sample_rate=16_000, num_channels=1, samples_per_channel=sound.size)


@pytest.fixture(scope="module")
def sounding_end(tmp_path_factory: pytest.TempPathFactory) -> Utterance:
    """A rising tone that is recognised as the word END: so the tests know that all before it has been heard."""
    at_s = np.arange(16_000) / 16_000
    path = tmp_path_factory.mktemp("sounds") / "end.wav"
    path.write_bytes(encode_wav((8_000 * np.sin(2 * np.pi * (300 + 1_200 * at_s) * at_s)).astype(np.int16), 16_000))
    return Utterance(wav=str(path), text=END)


@pytest.fixture
async def simulators(demo: Scenario, sounding_end: Utterance) -> AsyncIterator[Simulators]:
    async with Simulators(scenario=Scenario(utterances=(*demo.utterances, sounding_end))) as running:
        yield running


@pytest.fixture
def hear(simulators: Simulators, http: aiohttp.ClientSession, sounding_end: Utterance) -> Hear:
    """Plays sounds to one stream, as fast as it goes; gives all events up to the end of the last sound."""
    speech_to_text = deepgram.STT(base_url=simulators.deepgram_base_url, api_key="k", http_session=http)
    end = padded(read_wav(Path(sounding_end.wav))[0])

    async def play(*sounds: Samples, flush: bool = False) -> list[stt.SpeechEvent]:
        events = []
        async with asyncio.timeout(TIMEOUT_S), speech_to_text.stream() as stream:
            push(stream, *sounds)
            if flush:
                stream.flush()
            push(stream, end)
            async for event in stream:
                events.append(event)
                if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT and event.alternatives[0].text == END:
                    break
        last = max(n for n, event in enumerate(events) if event.type == stt.SpeechEventType.START_OF_SPEECH)
        return [event for event in events[:last] if event.type != stt.SpeechEventType.RECOGNITION_USAGE]

    return play


def push(stream: stt.RecognizeStream, *sounds: Samples) -> None:
    for sound in sounds:
        for start in range(0, sound.size, 480):
            stream.push_frame(a_frame(sound[start : start + 480]))


def finals(events: list[stt.SpeechEvent]) -> list[str]:
    return [event.alternatives[0].text for event in events if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT]


def types(events: list[stt.SpeechEvent]) -> list[stt.SpeechEventType]:
    return [event.type for event in events]


@pytest.mark.parametrize("changed", [np.copy, quieter, noisy, telephone])
async def test_each_utterance_is_recognised_in_any_order_however_it_arrives(
    hear: Hear,
    recordings: dict[str, Samples],
    changed: Callable[[Samples], Samples],
) -> None:
    spoken = [TEXTS[n] for n in (2, 0, 3, 1)]
    events = await hear(changed(np.concatenate([recordings[text] for text in spoken])))
    assert finals(events) == spoken


async def test_speech_starts_grows_and_ends(hear: Hear, recordings: dict[str, Samples]) -> None:
    events = await hear(recordings[TEXTS[0]])
    kinds = types(events)
    assert kinds[0] == stt.SpeechEventType.START_OF_SPEECH
    assert kinds[-2:] == [stt.SpeechEventType.FINAL_TRANSCRIPT, stt.SpeechEventType.END_OF_SPEECH]
    interims = [event.alternatives[0].text for event in events if event.type == stt.SpeechEventType.INTERIM_TRANSCRIPT]
    assert len(interims) >= 2
    assert all(TEXTS[0].startswith(text) for text in interims)
    assert sorted(interims, key=len) == interims


async def test_words_have_times_within_the_speech(hear: Hear, recordings: dict[str, Samples]) -> None:
    events = await hear(recordings[TEXTS[3]])
    [final] = [event.alternatives[0] for event in events if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT]
    assert [str(word) for word in final.words or []] == ["Thank", "you,", "goodbye."]
    assert 0.3 < final.start_time < 0.7
    assert 1.9 < final.end_time < 2.4


async def test_silence_gives_nothing(hear: Hear) -> None:
    faint = np.random.default_rng(1).integers(-3, 4, 48_000).astype(np.int16)
    assert types(await hear(np.zeros(48_000, np.int16), faint)) == []


@pytest.mark.parametrize("kind", ["tone", "noise"])
async def test_a_sound_that_it_does_not_know_is_not_given_words(hear: Hear, kind: str) -> None:
    sound = {
        "tone": 8_000 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 16_000),
        "noise": np.random.default_rng(2).normal(0, 3_000, 24_000),
    }[kind]
    events = await hear(padded(sound.astype(np.int16)))
    assert finals(events) == []
    assert stt.SpeechEventType.END_OF_SPEECH in types(events)


@pytest.mark.parametrize(("text", "words"), [(TEXTS[0], "my Python code."), (TEXTS[2], "can you check?")])
async def test_who_joins_late_hears_the_rest(hear: Hear, recordings: dict[str, Samples], text: str, words: str) -> None:
    [heard] = finals(await hear(recordings[text][8_000 + 16_000 :]))
    assert heard.endswith(words)
    assert len(heard) < len(text)


async def test_a_flush_is_answered_at_once_with_what_was_said_so_far(
    hear: Hear, recordings: dict[str, Samples]
) -> None:
    sound = recordings[TEXTS[0]]
    events = await hear(sound[: 8_000 + 32_000], flush=True)
    [text] = finals(events)
    assert TEXTS[0].startswith(text)
    assert 3 <= len(text.split()) < 8


async def test_a_finalize_in_silence_is_answered_with_an_empty_final(
    simulators: Simulators, http: aiohttp.ClientSession
) -> None:
    url = f"{simulators.deepgram_base_url}?encoding=linear16&sample_rate=16000&channels=1"
    async with asyncio.timeout(TIMEOUT_S), http.ws_connect(url, headers={"Authorization": "Token k"}) as socket:
        await socket.send_json({"type": "Finalize"})
        result = await socket.receive_json()
        assert (result["is_final"], result["from_finalize"]) == (True, True)
        assert result["channel"]["alternatives"][0]["transcript"] == ""
        await socket.send_json({"type": "Nonsense"})
        assert (await socket.receive_json())["type"] == "Error"
        await socket.send_json({"type": "CloseStream"})
        assert [(await socket.receive_json())["type"] for _ in range(2)] == ["Results", "Metadata"]
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_a_whole_recording_is_recognised_too(
    simulators: Simulators, http: aiohttp.ClientSession, recordings: dict[str, Samples]
) -> None:
    speech_to_text = deepgram.STT(base_url=simulators.deepgram_base_url, api_key="k", http_session=http)
    event = await speech_to_text.recognize(a_frame(recordings[TEXTS[1]]))
    assert event.alternatives[0].text == TEXTS[1]
    await speech_to_text.aclose()


@pytest.mark.parametrize(
    ("query", "status"),
    [("encoding=opus&sample_rate=16000", 400), ("encoding=linear16&sample_rate=7", 400), ("encoding=linear16", 400)],
)
async def test_what_it_cannot_do_is_refused(
    simulators: Simulators, http: aiohttp.ClientSession, query: str, status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(f"{simulators.deepgram_base_url}?{query}", headers={"Authorization": "Token k"})
    assert caught.value.status == status
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(f"{simulators.deepgram_base_url}?{query}")
    assert caught.value.status == 401


async def test_stopping_closes_the_open_sockets(demo: Scenario, http: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(TIMEOUT_S), Simulators(scenario=demo) as simulators:
        url = f"{simulators.deepgram_base_url}?encoding=linear16&sample_rate=16000"
        socket = await http.ws_connect(url, headers={"Authorization": "Token k"})
        closing = asyncio.create_task(socket.receive())
    assert (await closing).type is aiohttp.WSMsgType.CLOSE
    await socket.close()


async def test_the_recordings_are_speech_to_the_voice_activity_detector(recordings: dict[str, Samples]) -> None:
    detector = silero.VAD.load()
    for text, sound in recordings.items():
        async with asyncio.timeout(TIMEOUT_S):
            stream = detector.stream()
            for start in range(0, sound.size, 480):
                stream.push_frame(a_frame(sound[start : start + 480]))
            stream.end_input()
            kinds = [event.type.value async for event in stream]
            await stream.aclose()
        assert "start_of_speech" in kinds, text
        assert "end_of_speech" in kinds, text
