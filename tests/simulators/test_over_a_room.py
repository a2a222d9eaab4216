"""Sound that went through a real room, with its codec and jitter buffer, is still recognised and told apart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
import pytest
from livekit import api, rtc
from livekit.agents import stt
from livekit.plugins import deepgram

from chassis.embedded.livekit import LiveKitServer
from simulators import Simulators
from simulators.speech import Samples
from simulators.voices import Speech, heard_pitch_hz, pitch_hz

pytestmark = pytest.mark.e2e

TIMEOUT_S = 60.0
VOICE_RATE_HZ = 24_000
SPOKEN_TEXT = "I have opened the editor."


@asynccontextmanager
async def a_participant(server: LiveKitServer, name: str) -> AsyncIterator[rtc.Room]:
    grants = api.VideoGrants(room_join=True, room="simulators")
    token = api.AccessToken(server.key, server.secret).with_identity(name).with_grants(grants).to_jwt()
    room = rtc.Room()
    await room.connect(server.url, token)
    try:
        yield room
    finally:
        await room.disconnect()


async def publish(room: rtc.Room, rate_hz: int) -> rtc.AudioSource:
    source = rtc.AudioSource(rate_hz, 1)
    track = rtc.LocalAudioTrack.create_audio_track("voice", source)
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
    return source


async def subscribed(room: rtc.Room) -> rtc.RemoteTrack:
    """The first track that this participant hears."""
    arrived: asyncio.Future[rtc.RemoteTrack] = asyncio.get_running_loop().create_future()

    @room.on("track_subscribed")
    def _(track: rtc.RemoteTrack, *rest: object) -> None:
        if not arrived.done():
            arrived.set_result(track)

    for participant in room.remote_participants.values():
        for publication in participant.track_publications.values():
            if publication.track is not None and not arrived.done():
                arrived.set_result(publication.track)
    return await arrived


async def play(source: rtc.AudioSource, sound: Samples, rate_hz: int) -> None:
    step = rate_hz // 50
    for start in range(0, sound.size - step, step):
        piece = sound[start : start + step]
        await source.capture_frame(rtc.AudioFrame(piece.tobytes(), rate_hz, 1, step))
    await source.wait_for_playout()


async def transcribe(stream: stt.RecognizeStream, track: rtc.RemoteTrack, count: int) -> list[str]:
    """The first `count` final transcripts of a track."""
    sound = rtc.AudioStream(track, sample_rate=16_000, num_channels=1)

    async def feed() -> None:
        async for event in sound:
            stream.push_frame(event.frame)

    feeding = asyncio.create_task(feed())
    texts: list[str] = []
    async for event in stream:
        if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
            texts.append(event.alternatives[0].text)
            if len(texts) == count:
                break
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
    await sound.aclose()
    return texts


async def test_utterances_are_recognised_behind_a_room(
    simulators: Simulators,
    http: aiohttp.ClientSession,
    recordings: dict[str, Samples],
    livekit_server: LiveKitServer,
) -> None:
    speech_to_text = deepgram.STT(base_url=simulators.deepgram_base_url, api_key="k", http_session=http)
    async with (
        asyncio.timeout(TIMEOUT_S),
        a_participant(livekit_server, "user") as user,
        a_participant(livekit_server, "listener") as listener,
        speech_to_text.stream() as stream,
    ):
        source = await publish(user, 16_000)
        track = await subscribed(listener)
        hearing = asyncio.create_task(transcribe(stream, track, len(recordings)))
        for sound in recordings.values():
            await play(source, sound, 16_000)
        assert await hearing == list(recordings)


@pytest.mark.parametrize("voice", ["f786b574-daa5-4673-aa0c-cbe3e8534c02", "a0e99841-438c-4a64-b679-ae501e7d6091"])
async def test_a_voice_keeps_its_pitch_behind_a_room(livekit_server: LiveKitServer, voice: str) -> None:
    speech = Speech(SPOKEN_TEXT, pitch=pitch_hz(voice), rate_hz=VOICE_RATE_HZ)
    async with (
        asyncio.timeout(TIMEOUT_S),
        a_participant(livekit_server, "agent") as agent,
        a_participant(livekit_server, "user") as user,
    ):
        source = await publish(agent, VOICE_RATE_HZ)
        sound = rtc.AudioStream(await subscribed(user), sample_rate=48_000, num_channels=1)
        playing = asyncio.create_task(play(source, speech.samples(0, speech.length), VOICE_RATE_HZ))
        heard = await _loud_half_second(sound)
        await playing
        await sound.aclose()
    assert heard_pitch_hz(heard, 48_000) == pytest.approx(pitch_hz(voice), rel=0.015)


async def _loud_half_second(stream: rtc.AudioStream) -> Samples:
    """What arrives from the first loud frame on, until there is 0.8 s of it."""
    kept: list[Samples] = []
    async for event in stream:
        samples = np.frombuffer(event.frame.data, np.int16)
        if kept or np.abs(samples).max() > 1_000:
            kept.append(samples)
        if sum(each.size for each in kept) > 48_000 * 0.8:
            break
    return np.concatenate(kept)
