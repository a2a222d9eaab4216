"""The participant's side over a LiveKit room.

Only the session's own participant is heard: whatever anyone else in the room sends, by whatever channel, ends here and
changes nothing. Reliable data is not reliable across a reconnect, so events are acknowledged and calls are repeated
with the same `op_id` (reference/real-livekit.md §2, §3).
"""

import asyncio
import time
from types import TracebackType
from typing import Any, Self

import msgspec
import structlog
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice import room_io

from chassis.ids import new_id
from chassis.tasks import Tasks
from contracts.panels import wire
from contracts.panels.refusals import NotAllowed, PanelRefused
from runtime.adapters.local_surface import read_event
from runtime.surface import SurfaceListener, SurfaceSilent

log = structlog.get_logger()

ANSWER_S = 8.0
BODY_S = 10.0
CALL_S = 20.0
MAX_TYPED_CHARACTERS = 16_000
_WAITING_BODIES = 64
_AGAIN = {1400: 1, 1501: 2, 1502: 1, 1503: 2}
"""How often a call is repeated, by the code of its failure: a page that has not registered yet, a reconnect."""


class LiveKitSurface:
    """The port `runtime.surface.Surface`. Enter it after the room is connected; `room` stays its owner's."""

    def __init__(self, *, room: rtc.Room, identity: str) -> None:
        self._room, self._identity = room, identity
        self._listener: SurfaceListener | None = None
        self._tasks = Tasks()
        self._bodies: dict[str, asyncio.Future[bytes]] = {}
        self._ack, self._ack_due = 0, asyncio.Event()
        self._heard_at = 0.0

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._room.on("data_received", self._data)
        self._room.on("participant_connected", self._connected)
        self._room.on("participant_disconnected", self._disconnected)
        self._room.on("disconnected", self._gone)
        self._room.register_text_stream_handler(wire.TOPIC_EVENT, self._event_stream)
        self._room.register_text_stream_handler(wire.TOPIC_BODY, self._body_stream)
        self._room.local_participant.register_rpc_method(wire.RPC_SYNC, self._sync)
        self._tasks.start(self._send_acks(), name="panel acks")
        self._tasks.start(self._beat(), name="room heartbeat")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.off("data_received", self._data)
        self._room.off("participant_connected", self._connected)
        self._room.off("participant_disconnected", self._disconnected)
        self._room.off("disconnected", self._gone)
        self._room.unregister_text_stream_handler(wire.TOPIC_EVENT)
        self._room.unregister_text_stream_handler(wire.TOPIC_BODY)
        await self._tasks.__aexit__(kind, error, trace)

    @property
    def present(self) -> bool:
        """See the port."""
        return self._identity in self._room.remote_participants

    def listen(self, listener: SurfaceListener) -> None:
        """See the port."""
        self._listener = listener
        if self.present:
            listener.joined()

    def start_options(self) -> dict[str, Any]:
        """See the port. A reload is not the end, so the session stays open when the participant disconnects."""
        return {
            "room": self._room,
            "room_options": room_io.RoomOptions(
                participant_identity=self._identity,
                close_on_disconnect=False,
                delete_room_on_close=False,
                video_input=False,
                text_input=room_io.TextInputOptions(text_input_cb=_typed),
            ),
        }

    # Calls to the page

    async def call(self, method: str, request: wire.PanelRequest) -> wire.PanelAnswer:
        """See the port."""
        try:
            async with asyncio.timeout(CALL_S):
                payload = await self._payload(request)
                answer = msgspec.json.decode(await self._perform(method, payload), type=wire.PanelAnswer)
                if answer.state_ref is None:
                    return answer
                body = await self._body(answer.state_ref)
                return msgspec.structs.replace(answer, state=msgspec.json.decode(body, type=dict[str, object]))
        except TimeoutError:
            raise SurfaceSilent(f"no answer within {CALL_S:g} s") from None
        except msgspec.MsgspecError:
            raise SurfaceSilent("the answer was not one") from None

    async def _perform(self, method: str, payload: str) -> str:
        failures: dict[int, int] = {}
        while True:
            if not self.present:
                raise SurfaceSilent("the participant is not there")
            try:
                answer: str = await self._room.local_participant.perform_rpc(
                    destination_identity=self._identity, method=method, payload=payload, response_timeout=ANSWER_S
                )
                return answer
            except rtc.RpcError as error:
                failures[error.code] = failures.get(error.code, 0) + 1
                if failures[error.code] > _AGAIN.get(error.code, 0):
                    raise SurfaceSilent(f"the call failed with {error.code}") from None
                await asyncio.sleep(0.3)

    async def _payload(self, request: wire.PanelRequest) -> str:
        payload = msgspec.json.encode(request)
        if len(payload) <= wire.MAX_RPC_BYTES:
            return payload.decode()
        ref = await self._send_body(msgspec.json.encode(request.args))
        return msgspec.json.encode(msgspec.structs.replace(request, args={}, args_ref=ref)).decode()

    async def _send_body(self, body: bytes) -> str:
        ref = new_id("ref")
        await self._room.local_participant.send_text(
            body.decode(),
            topic=wire.TOPIC_BODY,
            destination_identities=[self._identity],
            attributes={wire.BODY_REF_ATTRIBUTE: ref},
        )
        return ref

    async def _body(self, ref: str) -> bytes:
        async with asyncio.timeout(BODY_S):
            try:
                return await self._body_of(ref)
            finally:
                self._bodies.pop(ref, None)

    def _body_of(self, ref: str) -> "asyncio.Future[bytes]":
        while len(self._bodies) >= _WAITING_BODIES and ref not in self._bodies:
            self._bodies.pop(next(iter(self._bodies))).cancel()
        return self._bodies.setdefault(ref, asyncio.get_running_loop().create_future())

    # What the page sends

    def _data(self, packet: rtc.DataPacket) -> None:
        if packet.participant is None or packet.participant.identity != self._identity:
            return
        if packet.topic == wire.TOPIC_HEARTBEAT:
            self._heard_at = time.monotonic()
        elif packet.topic == wire.TOPIC_EVENT and self._listener is not None:
            self._listener.panel_event(read_event(packet.data))

    def _event_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if identity == self._identity:
            self._tasks.start(self._read_event(reader), name="panel event stream")

    async def _read_event(self, reader: rtc.TextStreamReader) -> None:
        content = await _read(reader)
        if content is not None and self._listener is not None:
            self._listener.panel_event(read_event(content))

    def _body_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if identity == self._identity:
            self._tasks.start(self._read_body(reader), name="panel body stream")

    async def _read_body(self, reader: rtc.TextStreamReader) -> None:
        ref = (reader.info.attributes or {}).get(wire.BODY_REF_ATTRIBUTE, "")
        content = await _read(reader)
        if ref and content is not None and not (waiting := self._body_of(ref)).done():
            waiting.set_result(content)

    async def _sync(self, invocation: rtc.RpcInvocationData) -> str:
        try:
            if invocation.caller_identity != self._identity or self._listener is None:
                raise NotAllowed("only the session's own participant, once the session has begun")
            held = msgspec.json.decode(invocation.payload, type=wire.PanelSync)
            answer = await self._listener.panel_sync(held)
            return msgspec.json.encode(await self._by_reference(answer)).decode()
        except PanelRefused as refused:
            raise rtc.RpcError(refused.code, refused.message) from None
        except msgspec.MsgspecError:
            raise rtc.RpcError(wire.PanelErrorCode.BAD_SCHEMA, "not a PanelSync") from None

    async def _by_reference(self, answer: wire.PanelSyncAnswer) -> wire.PanelSyncAnswer:
        if len(msgspec.json.encode(answer)) <= wire.MAX_RPC_BYTES:
            return answer
        panels = [
            msgspec.structs.replace(
                panel, state=None, state_ref=await self._send_body(msgspec.json.encode(panel.state or {}))
            )
            for panel in answer.panels
        ]
        return msgspec.structs.replace(answer, panels=tuple(panels))

    # Who is there

    def _connected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._identity and self._listener is not None:
            self._listener.joined()

    def _disconnected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._identity and self._listener is not None:
            self._listener.left()

    def _gone(self, *_reason: object) -> None:
        if self._listener is not None:
            self._listener.gone()

    # What the page is sent

    def send_ack(self, seq: int) -> None:
        """See the port."""
        self._ack = max(self._ack, seq)
        self._ack_due.set()

    async def _send_acks(self) -> None:
        while True:
            await self._ack_due.wait()
            self._ack_due.clear()
            await self._send(wire.TOPIC_ACK, wire.PanelAck(seq=self._ack), reliable=True)

    async def _beat(self) -> None:
        n = 0
        while True:
            n += 1
            await self._send(wire.TOPIC_HEARTBEAT, wire.Heartbeat(n=n, ts=time.time_ns() // 1_000_000), reliable=False)
            await asyncio.sleep(wire.HEARTBEAT_EVERY_S)

    async def _send(self, topic: str, message: object, *, reliable: bool) -> None:
        if not (self._room.isconnected() and self.present):
            return
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._room.local_participant.publish_data(
                    msgspec.json.encode(message),
                    reliable=reliable,
                    destination_identities=[self._identity],
                    topic=topic,
                )
        except (rtc.participant.PublishDataError, TimeoutError) as error:
            # A lost acknowledgement is made good by the next one, or by a sync.
            log.info("room_data_not_sent", topic=topic, fault=type(error).__name__)


async def _typed(session: "AgentSession[Any]", event: room_io.TextInputEvent) -> None:
    """Typed words; the SDK has made sure that they are the linked participant's."""
    text = event.text[:MAX_TYPED_CHARACTERS].strip()
    if text:
        await session.interrupt()
        session.generate_reply(user_input=text)


async def _read(reader: rtc.TextStreamReader) -> bytes | None:
    """A whole stream; None where it is larger than allowed (announced or not) or breaks off."""
    if (reader.info.size or 0) > wire.MAX_BODY_BYTES:
        return None
    parts: list[bytes] = []
    size = 0
    try:
        async for chunk in reader:
            parts.append(chunk.encode())
            size += len(parts[-1])
            if size > wire.MAX_BODY_BYTES:
                return None
    except rtc.StreamError:
        return None
    return b"".join(parts)
