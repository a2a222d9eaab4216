"""Calls in real rooms: worker, job process, audio both ways, panels, intruders, reloads, deaths, and the end."""

import os
import re
import signal
from pathlib import Path

import msgspec
import pytest
from livekit import rtc
from tests.runtime.conftest import Stage, Staging
from tests.support.runtime_room import dispatch
from tests.support.runtime_sessions import a_version, allocate, allocate_epoch
from tests.support.runtime_worker import RunningWorker
from tests.support.until import until

from chassis.nats.requests import ask
from contracts.commands.live import CommandPanel, End, LiveAnswer, LiveDone, LiveRequest, Say
from contracts.ids import PanelId
from contracts.panels import wire
from contracts.registry import decode_data
from contracts.subjects import live_session_subject
from contracts.template_version import Limits
from simulators.scenario import DEMO

pytestmark = pytest.mark.e2e

WAVS = DEMO.parent / "demo"
OFF_BY_ONE = "def total(values):\n    result = 0\n    for i in range(len(values) + 1):\n        result += values[i]\n"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def command(stage: Stage, what: Say | End | CommandPanel) -> LiveAnswer:
    metadata = stage.session.metadata
    request = LiveRequest(customer=metadata.customer, actor="key_1", command=what)
    subject = live_session_subject(metadata.session)
    answer: LiveAnswer = await ask(stage.client, subject, request, LiveAnswer, timeout_s=15)
    return answer


async def test_a_participant_is_greeted_helped_and_bidden_goodbye(staging: Staging, worker: RunningWorker) -> None:
    async with staging(traceparent=f"00-{TRACE}-00f067aa0ba902b7-01") as stage:
        await dispatch(stage.lk, stage.session)
        async with stage.participant() as user:
            await user.until_heard()
            assert user.agents()[0].attributes["baton.epoch"] == "1"
            await until(stage.has("turn.agent_said"), what="the greeting is recorded")
            await user.speak(WAVS / "need_help.wav")
            await until(stage.has("turn.agent_said", times=2), what="the expert greets", timeout_s=20)
            await user.speak(WAVS / "open_editor.wav")
            await until(lambda: "coding_ide" in user.page.states, what="the editor is open", timeout_s=20)
            await user.edit(user.page.event("coding_ide", "code_changed", {"code": OFF_BY_ONE}))
            await until(lambda: user.acked == 1, what="the edit is acknowledged")
            await user.type("can you check?")
            await until(lambda: user.page.states["coding_ide"]["highlights"] == [3], what="line 3 is highlighted")
            await user.type("Thank you, goodbye.")
            await until(stage.has("session.ended"), what="the session ends", timeout_s=30)
            await until(lambda: bool(stage.gateway.deaths), what="the job's end is reported")
        events = await stage.events()
        assert stage.gateway.deaths[0].exit_code == 0
    types = [event.type for event in events]
    assert types[-1] == "session.ended"
    assert {"usage.llm", "usage.tts", "usage.stt", "session.state_digest"} <= set(types)
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    said = [msgspec.to_builtins(decode_data(event)) for event in events if event.type == "turn.user_said"]
    assert [one["modality"] for one in said] == ["voice", "voice", "text", "text"]
    traced = {str(one["traceparent"]).split("-")[1] for one in worker.asked() if one.get("traceparent")}
    assert TRACE in traced
    words = re.compile("python code|open an editor|can you check|goodbye|off by one", re.IGNORECASE)
    assert not words.search(worker.log.read_text())


async def test_a_second_dispatch_into_a_live_room_leaves_at_once_and_says_nothing(staging: Staging) -> None:
    async with staging() as stage:
        await dispatch(stage.lk, stage.session)
        async with stage.participant() as user:
            await user.until_heard()
            seen: set[str] = set()
            user.room.on("participant_connected", lambda participant: seen.add(participant.identity))
            before = len(await stage.events())
            await dispatch(stage.lk, stage.session)
            await until(lambda: bool(stage.gateway.deaths), what="the intruder's job is over", timeout_s=20)
            assert seen == set()
            assert len(user.agents()) == 1
            claims = [event for event in (await stage.events())[before:] if event.type == "session.job_claimed"]
            assert claims == []
            await command(stage, End())
            await until(stage.has("session.ended"), what="the session ends", timeout_s=30)


async def test_whatever_a_second_participant_sends_changes_nothing(staging: Staging) -> None:
    async with staging() as stage:
        await dispatch(stage.lk, stage.session)
        async with stage.participant() as user, stage.participant("intruder") as intruder:
            await user.until_heard()
            await until(stage.has("turn.agent_said"), what="the greeting is recorded")
            opening = CommandPanel(
                op_id="op_1", panel=PanelId("coding_ide"), action="open", args=msgspec.Raw(b'{"language": "python"}')
            )
            assert await command(stage, opening) == LiveDone(rev=1)
            before = len(await stage.events())
            intruder.page.states, intruder.page.revs = dict(user.page.states), dict(user.page.revs)
            await intruder.edit(intruder.page.event("coding_ide", "code_changed", {"code": "stolen"}))
            large = intruder.page.event("coding_ide", "code_changed", {"code": "x" * 20_000})
            await intruder.room.local_participant.send_text(large.decode(), topic=wire.TOPIC_EVENT)
            await intruder.type("Thank you, goodbye.")
            agent = intruder.agents()[0].identity
            with pytest.raises(rtc.RpcError) as refused:
                await intruder.room.local_participant.perform_rpc(
                    destination_identity=agent,
                    method=wire.RPC_SYNC,
                    payload=msgspec.json.encode(wire.PanelSync(panels=(), seq=0, acked=0)).decode(),
                )
            assert refused.value.code == wire.PanelErrorCode.NOT_ALLOWED
            # What the session's own participant does afterwards is the next thing that happens.
            await user.edit(user.page.event("coding_ide", "code_changed", {"code": "mine"}))
            await until(lambda: user.acked == 1, what="the participant's own edit is taken")
            types = [event.type for event in (await stage.events())[before:]]
            assert [type for type in types if not type.startswith("usage.")] == ["panel.changed"]
            await command(stage, End())
            await until(stage.has("session.ended"), what="the session ends", timeout_s=30)


async def test_a_reload_within_the_grace_finds_the_same_agent(staging: Staging) -> None:
    async with staging() as stage:
        await dispatch(stage.lk, stage.session)
        async with stage.participant() as user:
            await user.until_heard()
            await until(stage.has("turn.agent_said"), what="the greeting is recorded")
            agent = user.agents()[0].identity
        await until(stage.has("session.user_away"), what="the absence is recorded")
        async with stage.participant() as again:
            await until(stage.has("session.user_returned"), what="the return is recorded")
            assert again.agents()[0].identity == agent
            await again.speak(WAVS / "need_help.wav")
            await until(stage.has("handoff.completed"), what="the handoff", timeout_s=20)
            await again.until_heard()
            await command(stage, End())
            await until(stage.has("session.ended"), what="the session ends", timeout_s=30)


async def test_who_leaves_for_good_ends_the_session(staging: Staging) -> None:
    async with staging(a_version(limits=Limits(grace_s=1))) as stage:
        await dispatch(stage.lk, stage.session)
        async with stage.participant() as user:
            await user.until_heard()
        await until(stage.has("session.ended"), what="the session ends", timeout_s=30)
        last = (await stage.events())[-1]
        assert b'"user_left"' in bytes(last.data)


async def test_a_killed_job_is_reported_and_the_next_one_goes_on(staging: Staging) -> None:
    async with staging() as stage:
        await dispatch(stage.lk, stage.session)
        async with stage.participant() as user:
            await until(stage.has("turn.agent_said"), what="the greeting", timeout_s=20)
            await user.speak(WAVS / "need_help.wav")
            await until(stage.has("turn.agent_said", times=2), what="the expert's greeting", timeout_s=20)
            os.kill(job_process(stage), signal.SIGKILL)
            await until(lambda: bool(stage.gateway.deaths), what="the death is reported", timeout_s=10)
            died = stage.gateway.deaths[0]
            assert (died.session, died.epoch, died.exit_code) == (stage.session.metadata.session, 1, -9)
            await allocate_epoch(stage.log, stage.session.metadata, 2)
            await allocate(stage.log, stage.session, 2)
            await dispatch(stage.lk, stage.session, epoch=2)
            await until(stage.has("session.resumed"), what="the next job goes on", timeout_s=20)
            await user.type("Can you open an editor for me?")
            await until(lambda: "coding_ide" in user.page.states, what="it is the expert who answers", timeout_s=20)
            await command(stage, End())
            await until(stage.has("session.ended"), what="the session ends", timeout_s=30)
        events = await stage.events()
        assert [event.n for event in events] == list(range(1, len(events) + 1))
        greetings = [event for event in events if event.type == "session.started"]
        assert len(greetings) == 1


def job_process(stage: Stage) -> int:
    """The process that serves the session: the one that has its spill open."""
    wanted = f"/{stage.session.metadata.session}.1."
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and any(wanted in file for file in open_files(process)):
            return int(process.name)
    raise AssertionError("no process serves the session")


def open_files(process: Path) -> list[str]:
    try:
        return [str(file.readlink()) for file in (process / "fd").iterdir()]
    except OSError:  # it is gone, or not ours
        return []
