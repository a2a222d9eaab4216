"""A participant in a real LiveKit room, and what the gateway would do around it: open keys, take deaths, dispatch."""

import asyncio
import contextlib
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy
from livekit import api, rtc
from tests.support.runtime_sessions import Admitted, PanelPage
from tests.support.until import until

from chassis.embedded.livekit import LiveKitServer
from chassis.nats.connection import Client
from chassis.nats.requests import serve
from contracts.commands.jobs import JobDeathTaken, JobDied
from contracts.commands.keys import KeyAnswer, OpenKey
from contracts.panels import wire
from contracts.subjects import JOB_DEATH, OPEN_KEY

LOUD = 500.0
_RATE = 16_000


class GatewayStandIn:
    """Answers what a job and a worker ask of the gateway; remembers the deaths."""

    def __init__(self, session: Admitted) -> None:
        self._session = session
        self.deaths: list[JobDied] = []

    async def _key(self, question: OpenKey) -> KeyAnswer:
        return await self._session.answer(question)

    async def _death(self, died: JobDied) -> JobDeathTaken:
        if died.session == self._session.metadata.session:  # the worker outlives a test, and may report late
            self.deaths.append(died)
        return JobDeathTaken(action="nothing")

    @contextlib.asynccontextmanager
    async def serving(self, client: Client) -> AsyncIterator[None]:
        """While open."""
        keys = await serve(client, OPEN_KEY, OpenKey, self._key, queue=None)
        deaths = await serve(client, JOB_DEATH, JobDied, self._death, queue=None)
        async with keys, deaths:
            yield


@contextlib.asynccontextmanager
async def livekit_api(server: LiveKitServer) -> AsyncIterator[api.LiveKitAPI]:
    """The server's API."""
    async with api.LiveKitAPI(server.url.replace("ws://", "http://"), server.key, server.secret) as client:
        yield client


async def dispatch(client: api.LiveKitAPI, session: Admitted, *, epoch: int = 1) -> None:
    """A room for the session, and a job in it."""
    metadata = msgspec.structs.replace(session.metadata, epoch=epoch)
    await client.room.create_room(api.CreateRoomRequest(name=metadata.session, empty_timeout=60, departure_timeout=60))
    await client.agent_dispatch.create_dispatch(
        api.CreateAgentDispatchRequest(
            agent_name="baton", room=metadata.session, metadata=msgspec.json.encode(metadata).decode()
        )
    )


class Participant:
    """Joins a room with a microphone; hears the agent's audio, and answers panel calls with its page."""

    def __init__(self, server: LiveKitServer, *, room: str, identity: str) -> None:
        self._server, self._room_name, self.identity = server, room, identity
        self.room = rtc.Room()
        self.page = PanelPage()
        self.loud_frames = 0
        self.acked = 0
        self.transcripts: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._source = rtc.AudioSource(_RATE, 1)

    async def __aenter__(self) -> "Participant":
        token = (
            api.AccessToken(self._server.key, self._server.secret)
            .with_identity(self.identity)
            .with_grants(api.VideoGrants(room_join=True, room=self._room_name))
            .to_jwt()
        )
        self.room.on("track_subscribed", self._subscribed)
        self.room.on("data_received", self._data)
        await self.room.connect(self._server.url, token)
        for method in (wire.RPC_OPEN, wire.RPC_CONTROL, wire.RPC_READ, wire.RPC_CLOSE):
            self.room.local_participant.register_rpc_method(method, self._rpc)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.room.disconnect()
        await self._source.aclose()

    async def speak(self, wav: Path) -> None:
        """Play a recording and a second of silence into the microphone, in real time."""
        with wave.open(str(wav)) as file:
            rate, samples = file.getframerate(), file.readframes(file.getnframes())
        assert rate == _RATE, rate
        samples += bytes(2 * _RATE)
        step = _RATE // 50 * 2
        for start in range(0, len(samples) - step + 1, step):
            part = samples[start : start + step]
            await self._source.capture_frame(rtc.AudioFrame(part, _RATE, 1, len(part) // 2))

    async def type(self, text: str) -> None:
        """Send a chat message as the web page does."""
        await self.room.local_participant.send_text(text, topic="lk.chat")

    async def edit(self, event: bytes) -> None:
        """Send a panel event."""
        await self.room.local_participant.publish_data(event, reliable=True, topic=wire.TOPIC_EVENT)

    async def until_heard(self, *, frames: int = 20, timeout_s: float = 30.0) -> None:
        """Until this many more loud frames (10 ms each) came from the agent."""
        wanted = self.loud_frames + frames
        await until(lambda: self.loud_frames >= wanted, timeout_s=timeout_s, what="the agent is heard")

    def agents(self) -> list[rtc.RemoteParticipant]:
        """Agents in the room now."""
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return [one for one in self.room.remote_participants.values() if one.kind == kind]

    async def _rpc(self, invocation: rtc.RpcInvocationData) -> str:
        return (await self.page(invocation.method, invocation.payload.encode())).decode()

    def _data(self, packet: rtc.DataPacket) -> None:
        if packet.topic == wire.TOPIC_ACK:
            self.acked = max(self.acked, msgspec.json.decode(packet.data, type=wire.PanelAck).seq)

    def _subscribed(self, track: rtc.Track, *_about: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            task = asyncio.get_running_loop().create_task(self._listen(track))
            self._tasks.add(task)

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=_RATE, num_channels=1)
        try:
            async for event in stream:
                samples = numpy.frombuffer(event.frame.data, dtype=numpy.int16).astype(numpy.float64)
                if samples.size and float(numpy.sqrt((samples**2).mean())) > LOUD:
                    self.loud_frames += 1
        finally:
            await stream.aclose()
