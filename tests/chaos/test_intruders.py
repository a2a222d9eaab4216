"""Jobs that nobody asked for, and people who do not belong in the room: nothing changes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import numpy as np
import pytest
from livekit import api, rtc
from livekit.rtc.data_stream import StreamError
from tests.support.invariants import assert_invariants
from tests.support.live_calls import EPOCH, Call, a_call, a_customer, model_requests
from tests.support.log_watch import LogWatch, watching
from tests.support.stack import Stack
from tests.support.until import until

from baton.ready import Ready
from contracts.commands.jobs import JobMetadata
from contracts.panels import wire
from contracts.template_version import Limits
from simulators.scenario import DEMO, load
from simulators.speech import speak

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-calls")]

AGENT_NAME = "baton"
_CONNECTION_LOST = (1501, 1503, 1505)


class PutOut(Exception):
    """The intruder is not in the room any more."""


_PUT_OUT = (PutOut, StreamError, rtc.participant.PublishDataError, rtc.participant.PublishTrackError)


@contextlib.asynccontextmanager
async def livekit_api(live: Ready) -> AsyncIterator[api.LiveKitAPI]:
    url = live.livekit_url.replace("ws://", "http://")
    async with api.LiveKitAPI(url, live.livekit_key, live.livekit_secret) as client:
        yield client


@contextlib.asynccontextmanager
async def a_greeted_call(stack: Stack, customer: str) -> AsyncIterator[tuple[Call, LogWatch]]:
    """Greeted, with the editor open; it ends with the context, and everything that must hold is checked."""
    live = await a_customer(stack.ready, stack.data, customer, max_sessions=1, limits=Limits(away_timeout_s=120))
    watch = LogWatch()
    async with watching(live.nats_url, watch), a_call(live) as call, call.joined() as page:
        await watch.until_seen(call.session, "turn.agent_said")
        await call.open_editor()
        call.edit("mine = 1\n")
        await until(lambda: page.panels.unacked == 0, what="the edit is acknowledged")
        yield call, watch
        await _still_served(call, watch)
        await call.type("Goodbye.")
        await watch.until_seen(call.session, "session.ended")
    await assert_invariants(live, stack.data, call.session, seen=watch.commits.values())


async def _still_served(call: Call, watch: LogWatch) -> None:
    """By the one agent, which knows nothing of what the intruders did."""
    answered = watch.types(call.session).count("turn.agent_said")
    await call.type("What can you do?")
    await watch.until_seen(call.session, "turn.agent_said", times=answered + 1)
    assert len(call.agents()) == 1
    assert call.here.panels.panels["coding_ide"].state["code"] == "mine = 1\n"


async def test_an_uninvited_job_leaves_at_once_and_says_nothing(stack: Stack) -> None:
    async with a_greeted_call(stack, "crowded") as (call, watch), livekit_api(call.live) as livekit:
        came: list[str] = []
        call.here.room.on("participant_connected", lambda who: came.append(who.identity))
        call.here.room.on("track_published", lambda _track, who: came.append(who.identity))
        before = _said_and_done(watch, call), watch.types(call.session, "admission")
        dispatched = await livekit.agent_dispatch.list_dispatch(call.session)
        known = {one.id for one in dispatched}
        invited = next(one for one in dispatched if one.agent_name == AGENT_NAME)
        genuine = msgspec.json.decode(invited.metadata, type=JobMetadata)
        uninvited = [
            "no metadata",
            invited.metadata,
            _changed(genuine, epoch=2),
            _changed(genuine, epoch=99, identity="somebody"),
            _changed(genuine, session="ses_none", epoch=1),
        ]
        for metadata in uninvited:
            await livekit.agent_dispatch.create_dispatch(
                api.CreateAgentDispatchRequest(agent_name=AGENT_NAME, room=call.session, metadata=metadata)
            )

        async def over() -> bool:
            dispatches = await livekit.agent_dispatch.list_dispatch(call.session)
            jobs = [job.id for one in dispatches if one.id not in known for job in one.state.jobs]
            return len(jobs) >= len(uninvited) - 1 and all(job in _closed_jobs(stack) for job in jobs)

        await until(over, what="every uninvited job is over", timeout_s=30)
        assert came == []
        assert len(call.agents()) == 1
        assert (_said_and_done(watch, call), watch.types(call.session, "admission")) == before
        assert watch.types("ses_none") == []


def _said_and_done(watch: LogWatch, call: Call) -> list[str]:
    """Without what the participant's own open microphone goes on costing, and what is counted by the number."""
    return [type for type in watch.types(call.session) if type not in ("usage.stt", "session.state_digest")]


def _closed_jobs(stack: Stack) -> str:
    """LiveKit goes on saying that a job runs, so the worker is asked: what its log says of jobs that are over."""
    log = (stack.data / "logs" / "baton.log").read_text(errors="replace")
    return "\n".join(line for line in log.splitlines() if "job_process_closed" in line or "job_rejected" in line)


def _changed(metadata: JobMetadata, **changes: object) -> str:
    return msgspec.json.encode(msgspec.structs.replace(metadata, **changes)).decode()


async def test_whatever_a_second_participant_does_changes_nothing(stack: Stack) -> None:
    async with a_greeted_call(stack, "visited") as (call, watch):
        before, asked = _said_and_done(watch, call), len(model_requests(call.live))
        for attributes in ({}, {EPOCH: "99"}):
            async with an_intruder(call, f"mallory-{len(attributes)}", attributes=attributes) as room:
                await _everything(room, call)
        await watch.until_seen(call.session, "session.participant_left", writer="admission", times=2)
        assert _said_and_done(watch, call) == before
        assert len(model_requests(call.live)) == asked


async def test_one_who_passes_for_an_agent_is_put_out_and_changes_nothing(stack: Stack) -> None:
    async with a_greeted_call(stack, "aped") as (call, watch):
        before = _said_and_done(watch, call)
        (genuine,) = call.agents()
        async with an_intruder(call, "agent-ape", kind="agent", attributes={EPOCH: "1"}) as room:
            out = asyncio.Event()
            room.on("disconnected", lambda *_: out.set())
            with contextlib.suppress(*_PUT_OUT):
                await _everything(room, call)
            await asyncio.wait_for(out.wait(), 10)
        await until(lambda: [one.sid for one in call.agents()] == [genuine.sid], what="the genuine agent alone")
        assert _said_and_done(watch, call) == before


@contextlib.asynccontextmanager
async def an_intruder(
    call: Call, identity: str, *, attributes: dict[str, str], kind: api.AccessToken.ParticipantKind = "standard"
) -> AsyncIterator[rtc.Room]:
    """In the room with every right that the server's secret can give."""
    token = (
        api.AccessToken(call.live.livekit_key, call.live.livekit_secret)
        .with_identity(identity)
        .with_kind(kind)
        .with_attributes(attributes)
        .with_grants(api.VideoGrants(room_join=True, room=call.session, can_update_own_metadata=True, agent=True))
    )
    room = rtc.Room()
    await room.connect(call.live.livekit_url, token.to_jwt())
    try:
        yield room
    finally:
        await room.disconnect()


async def _everything(room: rtc.Room, call: Call) -> None:
    """Panel events, acknowledgements, chat, streams, calls to the agent and to the user, and a spoken goodbye."""
    here = room.local_participant
    (agent,) = [one.identity for one in call.agents() if one.identity != here.identity]
    user = call.here.room.local_participant.identity
    event = _an_edit("stolen = 1\n")
    await here.publish_data(event, reliable=True, topic=wire.TOPIC_EVENT)
    await here.publish_data(event, reliable=True, topic=wire.TOPIC_EVENT, destination_identities=[agent])
    await here.publish_data(msgspec.json.encode(wire.PanelAck(seq=99)), reliable=True, topic=wire.TOPIC_ACK)
    await here.send_text(event.decode(), topic=wire.TOPIC_EVENT)
    await here.send_text(_an_edit("x" * 20_000).decode(), topic=wire.TOPIC_EVENT)
    await here.send_text("Thank you, goodbye.", topic="lk.chat")
    writer = await here.stream_bytes("stolen.bin", topic=wire.TOPIC_BODY, total_size=4)
    await writer.write(b"1234")
    await writer.aclose()
    held = msgspec.json.encode(wire.PanelSync(panels=(), seq=0, acked=0)).decode()
    await _refused(here, agent, wire.RPC_SYNC, held, wire.PanelErrorCode.NOT_ALLOWED)
    opening = wire.PanelRequest(op_id="op_x", panel="coding_ide", instance="main", action="open", args={})
    for method in (wire.RPC_OPEN, wire.RPC_CONTROL, wire.RPC_READ, wire.RPC_CLOSE):
        payload = msgspec.json.encode(opening).decode()
        await _refused(here, agent, method, payload, rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD)
        await _refused(here, user, method, payload, wire.PanelErrorCode.NOT_ALLOWED)
    await _say_goodbye(room)


def _an_edit(code: str) -> bytes:
    return msgspec.json.encode(
        wire.PanelEvent(
            seq=2,
            rev=3,
            panel="coding_ide",
            instance=wire.DEFAULT_INSTANCE,
            event="code_changed",
            origin=wire.Origin.USER,
            ts=0,
            data={"code": code, "language": "python"},
        )
    )


async def _refused(here: rtc.LocalParticipant, who: str, method: str, payload: str, code: int) -> None:
    with pytest.raises(rtc.RpcError) as refused:
        await here.perform_rpc(destination_identity=who, method=method, payload=payload, response_timeout=5)
    if refused.value.code in _CONNECTION_LOST:
        raise PutOut
    assert refused.value.code == code, f"{method} to {who}: {refused.value.code} {refused.value.message}"


async def _say_goodbye(room: rtc.Room) -> None:
    samples, rate = speak("Thank you, goodbye.", scenario=load(DEMO))
    source = rtc.AudioSource(rate, 1)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
    sound = np.concatenate([samples, np.zeros(rate, dtype=np.int16)])
    for start in range(0, len(sound) - rate // 50, rate // 50):
        piece = sound[start : start + rate // 50]
        await source.capture_frame(rtc.AudioFrame(piece.tobytes(), rate, 1, len(piece)))
    await source.aclose()
