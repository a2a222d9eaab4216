"""The room's side, over a room that is none: who is heard, and what is sent again."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from livekit import rtc
from tests.support.until import until

from contracts.panels import wire
from contracts.panels.refusals import PanelErrorCode
from runtime.adapters.livekit_surface import LiveKitSurface
from runtime.domain.panel_decisions import BadEvent
from runtime.surface import SurfaceSilent

pytestmark = pytest.mark.unit

USER = "user-1"
EVENT = wire.PanelEvent(
    seq=1, rev=2, panel="notepad", instance="p1", event="content_changed", origin=wire.Origin.USER, ts=0
)
REQUEST = wire.PanelRequest(op_id="op_1", panel="notepad", instance="p1", action="open")


class FakeParticipant:
    def __init__(self, identity: str) -> None:
        self.identity = identity


class FakeLocal:
    """Sends nothing; fails as often as it is told."""

    def __init__(self) -> None:
        self.methods: dict[str, Callable[[Any], Any]] = {}
        self.failures: list[int] = []
        self.payloads: list[wire.PanelRequest] = []
        self.texts: list[tuple[str, dict[str, str]]] = []
        self.published: list[tuple[str, bytes]] = []
        self.answer = wire.PanelAnswer(ok=True, rev=1)

    def register_rpc_method(self, name: str, handler: Callable[[Any], Any]) -> None:
        self.methods[name] = handler

    async def perform_rpc(self, *, payload: str, **_to: object) -> str:
        self.payloads.append(msgspec.json.decode(payload, type=wire.PanelRequest))
        if self.failures:
            raise rtc.RpcError(self.failures.pop(0), "failed")
        return msgspec.json.encode(self.answer).decode()

    async def send_text(self, text: str, *, attributes: dict[str, str], **_to: object) -> None:
        self.texts.append((text, attributes))

    async def publish_data(self, payload: bytes, *, topic: str, **_to: object) -> None:
        self.published.append((topic, payload))


class FakeRoom:
    """As much of rtc.Room as the surface touches."""

    def __init__(self) -> None:
        self.local_participant = FakeLocal()
        self.remote_participants = {USER: FakeParticipant(USER)}
        self.listeners: dict[str, list[Callable[..., None]]] = {}
        self.streams: dict[str, Callable[..., None]] = {}

    def on(self, event: str, listener: Callable[..., None]) -> None:
        self.listeners.setdefault(event, []).append(listener)

    def off(self, event: str, listener: Callable[..., None]) -> None:
        self.listeners[event].remove(listener)

    def emit(self, event: str, *about: object) -> None:
        for listener in self.listeners.get(event, []):
            listener(*about)

    def register_text_stream_handler(self, topic: str, handler: Callable[..., None]) -> None:
        self.streams[topic] = handler

    def unregister_text_stream_handler(self, topic: str) -> None:
        del self.streams[topic]

    def isconnected(self) -> bool:
        return True

    def data(self, payload: bytes, topic: str, sender: str | None = USER) -> None:
        participant = FakeParticipant(sender) if sender else None
        packet = rtc.DataPacket(data=payload, kind=0, participant=cast(Any, participant), topic=topic)  # type: ignore[arg-type]
        self.emit("data_received", packet)


class Reader:
    """A text stream."""

    def __init__(self, *chunks: str, announced: int | None = None, attributes: dict[str, str] | None = None) -> None:
        self._chunks = chunks
        self.info = rtc.TextStreamInfo(
            stream_id="s",
            mime_type="text/plain",
            topic="t",
            timestamp=0,
            size=announced,
            attributes=attributes or {},
            attachments=[],
        )

    async def __aiter__(self) -> Any:
        for chunk in self._chunks:
            yield chunk


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.presence: list[str] = []

    def panel_event(self, event: wire.PanelEvent | BadEvent) -> None:
        self.events.append(event)

    async def panel_sync(self, held: wire.PanelSync) -> wire.PanelSyncAnswer:
        return wire.PanelSyncAnswer(seq=held.seq)

    def joined(self) -> None:
        self.presence.append("joined")

    def left(self) -> None:
        self.presence.append("left")

    def gone(self) -> None:
        self.presence.append("gone")


@contextlib.asynccontextmanager
async def a_surface() -> Any:
    room, heard = FakeRoom(), Heard()
    async with LiveKitSurface(room=cast(rtc.Room, room), identity=USER) as surface:
        surface.listen(heard)
        yield room, surface, heard


async def test_an_event_of_the_participant_is_heard_and_anyone_elses_is_not() -> None:
    async with a_surface() as (room, _surface, heard):
        encoded = msgspec.json.encode(EVENT)
        room.data(encoded, wire.TOPIC_EVENT, sender="intruder")
        room.data(encoded, wire.TOPIC_EVENT, sender=None)
        room.data(encoded, "some.other.topic")
        assert heard.events == []
        room.data(encoded, wire.TOPIC_EVENT)
        assert heard.events == [EVENT]


async def test_a_stream_of_the_participant_is_read_and_anyone_elses_is_not() -> None:
    async with a_surface() as (room, _surface, heard):
        text = msgspec.json.encode(EVENT).decode()
        room.streams[wire.TOPIC_EVENT](Reader(text), "intruder")
        room.streams[wire.TOPIC_EVENT](Reader(text[:20], text[20:]), USER)
        await until(lambda: heard.events == [EVENT])


async def test_a_stream_larger_than_allowed_is_dropped_whether_announced_or_not() -> None:
    async with a_surface() as (room, _surface, heard):
        part = "x" * 1024 * 1024
        room.streams[wire.TOPIC_EVENT](Reader("{}", announced=wire.MAX_BODY_BYTES + 1), USER)
        room.streams[wire.TOPIC_EVENT](Reader(part, part, part), USER)
        room.streams[wire.TOPIC_EVENT](Reader(msgspec.json.encode(EVENT).decode()), USER)
        await until(lambda: heard.events == [EVENT])


async def test_a_malformed_event_keeps_its_number() -> None:
    async with a_surface() as (room, _surface, heard):
        room.data(b'{"seq": 7, "panel": "notepad"}', wire.TOPIC_EVENT)
        room.data(b"not json", wire.TOPIC_EVENT)
        assert heard.events == [BadEvent(seq=7, panel="notepad"), BadEvent(seq=0)]


async def test_only_the_participant_may_ask_what_it_lacks() -> None:
    async with a_surface() as (room, _surface, _heard):
        sync = room.local_participant.methods[wire.RPC_SYNC]
        payload = msgspec.json.encode(wire.PanelSync(panels=(), seq=4, acked=4)).decode()

        def invoked(caller: str, payload: str) -> rtc.RpcInvocationData:
            return rtc.RpcInvocationData(
                request_id="r", caller_identity=caller, payload=payload, response_timeout=5, method=wire.RPC_SYNC
            )

        assert msgspec.json.decode(await sync(invoked(USER, payload)), type=wire.PanelSyncAnswer).seq == 4
        with pytest.raises(rtc.RpcError) as refused:
            await sync(invoked("intruder", payload))
        assert refused.value.code == PanelErrorCode.NOT_ALLOWED
        with pytest.raises(rtc.RpcError) as bad:
            await sync(invoked(USER, "{}"))
        assert bad.value.code == PanelErrorCode.BAD_SCHEMA


async def test_a_call_is_repeated_with_the_same_op_id_while_that_may_help() -> None:
    async with a_surface() as (room, surface, _heard):
        room.local_participant.failures = [1400, 1503]
        assert (await surface.call(wire.RPC_OPEN, REQUEST)).ok
        assert [one.op_id for one in room.local_participant.payloads] == ["op_1"] * 3


async def test_a_call_that_cannot_be_helped_ends_in_silence() -> None:
    async with a_surface() as (room, surface, _heard):
        room.local_participant.failures = [1400, 1400]
        with pytest.raises(SurfaceSilent):
            await surface.call(wire.RPC_OPEN, REQUEST)
        room.local_participant.failures = [1500]
        with pytest.raises(SurfaceSilent):
            await surface.call(wire.RPC_OPEN, REQUEST)
        room.remote_participants.clear()
        with pytest.raises(SurfaceSilent):
            await surface.call(wire.RPC_OPEN, REQUEST)


async def test_what_is_too_large_for_a_call_goes_as_a_stream_and_comes_as_one() -> None:
    async with a_surface() as (room, surface, _heard):
        request = msgspec.structs.replace(REQUEST, args={"text": "x" * 20_000})
        room.local_participant.answer = wire.PanelAnswer(ok=True, rev=1, state_ref="ref_9")
        calling = asyncio.create_task(surface.call(wire.RPC_OPEN, request))
        reader = Reader('{"text": "y"}', attributes={wire.BODY_REF_ATTRIBUTE: "ref_9"})
        room.streams[wire.TOPIC_BODY](Reader("{}", attributes={wire.BODY_REF_ATTRIBUTE: "ref_9"}), "intruder")
        room.streams[wire.TOPIC_BODY](reader, USER)
        answer = await calling
        assert answer.state == {"text": "y"}
        sent = room.local_participant.payloads[0]
        text, attributes = room.local_participant.texts[0]
        assert sent.args == {}
        assert attributes == {wire.BODY_REF_ATTRIBUTE: sent.args_ref}
        assert msgspec.json.decode(text) == request.args


async def test_acknowledgements_are_cumulative() -> None:
    async with a_surface() as (room, surface, _heard):
        surface.send_ack(3)
        surface.send_ack(2)
        published = room.local_participant.published

        def acks() -> list[int]:
            return [
                msgspec.json.decode(payload, type=wire.PanelAck).seq
                for topic, payload in published
                if topic == wire.TOPIC_ACK
            ]

        await until(lambda: acks() == [3])
        assert any(topic == wire.TOPIC_HEARTBEAT for topic, _ in published)


async def test_only_the_participants_coming_and_going_counts() -> None:
    async with a_surface() as (room, _surface, heard):
        for event in ("participant_connected", "participant_disconnected"):
            room.emit(event, FakeParticipant("intruder"))
        assert heard.presence == ["joined"]
        room.emit("participant_disconnected", FakeParticipant(USER))
        room.emit("participant_connected", FakeParticipant(USER))
        room.emit("disconnected", 1)
        assert heard.presence == ["joined", "left", "joined", "gone"]
