"""A participant in a real room, in Python: speaks recorded speech, hears, and has a Panel Manager."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping

import msgspec
import numpy as np
import numpy.typing as npt
from livekit import rtc

from baton.demo.hearing import RATE_HZ, Hearing
from baton.demo.panel_manager import METHODS, PanelManager
from chassis.tasks import Tasks
from contracts.panels.kind import PanelKind
from contracts.panels.wire import (
    MAX_EVENT_INLINE_BYTES,
    RPC_SYNC,
    TOPIC_ACK,
    TOPIC_EVENT,
    PanelAck,
    PanelEvent,
    PanelSyncAnswer,
)

_MIC_HZ = 16_000
_FRAME = _MIC_HZ // 50
_CONNECT_S = 15.0
_AGENT = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
_EPOCH = "baton.epoch"


class Participant:
    """Made by `joined`. `hearing` is what it heard, `panels` what is on its screen."""

    def __init__(self, *, room: rtc.Room, kinds: Mapping[str, PanelKind], tasks: Tasks) -> None:
        self.room, self._tasks = room, tasks
        self.hearing = Hearing()
        self.panels = PanelManager(kinds=kinds, send=self._send)
        self.alone = asyncio.Event()
        self._source = rtc.AudioSource(_MIC_HZ, 1, queue_size_ms=200)
        self._to_say: asyncio.Queue[tuple[npt.NDArray[np.int16], asyncio.Event]] = asyncio.Queue(8)
        self._sending: asyncio.Queue[PanelEvent] = asyncio.Queue(4096)
        self.stopped_speaking_s = 0.0

    async def say(self, samples: npt.NDArray[np.int16]) -> None:
        """Speak samples of 16 kHz mono into the microphone, in real time; returns when they are out."""
        spoken = asyncio.Event()
        await self._to_say.put((samples, spoken))
        async with asyncio.timeout(len(samples) / _MIC_HZ + 10):
            await spoken.wait()
        self.stopped_speaking_s = time.monotonic()

    def listen(self) -> None:
        """Hang all handlers on the room; before `connect`, so that nothing is missed."""
        self.room.on("track_subscribed", self._subscribed)
        self.room.on("data_received", self._received)
        self.room.on("disconnected", lambda *_: self.alone.set())
        self.room.on("participant_disconnected", self._someone_left)

    async def publish(self) -> None:
        """Register for RPC and turn the microphone on."""
        for method in METHODS:
            self.room.local_participant.register_rpc_method(method, self._answering(method))
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await asyncio.wait_for(self.room.local_participant.publish_track(track, options), _CONNECT_S)
        self._tasks.start(self._microphone(), name="microphone")
        self._tasks.start(self.hearing.watch(), name="hearing")
        self._tasks.start(self._sender(), name="panel events")

    async def sync(self) -> None:
        """Settle panels with the agent now in the room, then resend what it has not acknowledged."""
        agent = self._agent()
        if agent is not None:
            payload = msgspec.json.encode(self.panels.sync()).decode()
            answer = await self.room.local_participant.perform_rpc(
                destination_identity=agent, method=RPC_SYNC, payload=payload, response_timeout=8
            )
            self.panels.synced(msgspec.json.decode(answer, type=PanelSyncAnswer))
        self.panels.resend()

    async def until_alone(self) -> None:
        """Until no agent is in the room, or the room is gone; the caller bounds the wait."""
        await self.alone.wait()

    def _someone_left(self, _: rtc.RemoteParticipant) -> None:
        if self._agent() is None:
            self.alone.set()

    def _agent(self) -> str | None:
        """The newest epoch's; anyone can call themselves so, but only LiveKit makes an agent."""
        everyone = self.room.remote_participants.values()
        agents = [one for one in everyone if one.kind == _AGENT and one.attributes.get(_EPOCH, "").isdecimal()]
        newest = max(agents, key=lambda one: int(one.attributes[_EPOCH]), default=None)
        return newest.identity if newest else None

    def _answering(self, method: str):  # type: ignore[no-untyped-def]  # livekit's handler type is not exported
        async def handler(call: rtc.RpcInvocationData) -> str:
            if call.caller_identity != self._agent():
                raise rtc.RpcError(2005, "NOT_ALLOWED")
            return self.panels.answer(method, call.payload)

        return handler

    def _subscribed(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._tasks.start(self._ear(track), name="ear")

    def _received(self, packet: rtc.DataPacket) -> None:
        sender = packet.participant.identity if packet.participant else ""
        if packet.topic == TOPIC_ACK and sender == self._agent():
            self.panels.acknowledged(msgspec.json.decode(packet.data, type=PanelAck))

    def _send(self, event: PanelEvent) -> None:
        self._sending.put_nowait(event)

    async def _sender(self) -> None:
        while True:
            payload = msgspec.json.encode(await self._sending.get())
            agent = self._agent()
            if agent is None:
                continue  # kept by the Panel Manager, and sent again by `sync`
            if len(payload) <= MAX_EVENT_INLINE_BYTES:
                await self.room.local_participant.publish_data(
                    payload, reliable=True, destination_identities=[agent], topic=TOPIC_EVENT
                )
            else:
                await self.room.local_participant.send_text(
                    payload.decode(), topic=TOPIC_EVENT, destination_identities=[agent]
                )

    async def _ear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=1)
        try:
            async for event in stream:
                await self.hearing.frame(np.frombuffer(event.frame.data, dtype=np.int16))
        finally:
            await stream.aclose()

    async def _microphone(self) -> None:
        """A live microphone: it sends silence between utterances, as a real one does."""
        silence = np.zeros(_FRAME, dtype=np.int16)
        while True:
            if self._to_say.empty():
                await self._frame(silence)
                continue
            samples, spoken = self._to_say.get_nowait()
            for start in range(0, len(samples), _FRAME):
                piece = samples[start : start + _FRAME]
                await self._frame(np.pad(piece, (0, _FRAME - len(piece))))
            spoken.set()

    async def _frame(self, samples: npt.NDArray[np.int16]) -> None:
        await self._source.capture_frame(rtc.AudioFrame(samples.tobytes(), _MIC_HZ, 1, len(samples)))


@contextlib.asynccontextmanager
async def joined(*, url: str, token: str, kinds: Mapping[str, PanelKind]) -> AsyncIterator[Participant]:
    """Join the room, microphone on; leave it at the end. Raises rtc.ConnectError and TimeoutError."""
    async with Tasks() as tasks:
        room = rtc.Room()
        participant = Participant(room=room, kinds=kinds, tasks=tasks)
        participant.listen()
        await asyncio.wait_for(room.connect(url, token), _CONNECT_S)
        try:
            await participant.publish()
            yield participant
        finally:
            await asyncio.wait_for(room.disconnect(), _CONNECT_S)
