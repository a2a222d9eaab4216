"""The demo's call over five processes; two of them are killed in the middle of it, and nobody in the call notices."""

import json
import os
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from tests.e2e.conftest import until_closed
from tests.support.demo_lines import WatchedLine, in_room, start_session
from tests.support.otlp import Collector
from tests.support.private_loop import PrivateLoop
from tests.support.stack import Stack, baton
from tests.support.until import until

from baton.demo.api import Api, ApiRefused, open_api
from baton.demo.script import OPEN_EDITOR, Held, hold
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from contracts.envelope import Envelope, decode_commit
from contracts.ids import SessionId
from contracts.subjects import Log, any_customer_session_filter

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("split")]

TRACE = "7c0ffee0aa114eaf8a2e13a5c0d1e2f3"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
KILLED = ("ledger", "panel-bridge")
ANSWER_S = 8.0
"""A reply comes in about a second; loaded machines are slow, but nothing waits for a service to be started again."""


class Endured(NamedTuple):
    """A call in which KILLED were killed; `before` are the process ids until then."""

    session: str
    held: Held
    before: dict[str, int]


@pytest.fixture(scope="module")
def endured(split: Stack, private_loop: PrivateLoop) -> Endured:
    return private_loop.run(_hold_and_kill(split))


async def _hold_and_kill(stack: Stack) -> Endured:
    live = stack.ready
    before = dict(live.pids)

    async def kill(text: str) -> None:
        if text == OPEN_EDITOR:
            for service in KILLED:
                os.kill(before[service], signal.SIGKILL)

    async with open_api(live) as api:
        session = await start_session(api, traceparent=TRACEPARENT)
        async with in_room(session) as participant:
            held = await hold(WatchedLine(participant, before=kill))
        await until_closed(api, session["session_id"])
    return Endured(session["session_id"], held, before)


async def recorded(api: Api, session: str) -> list[dict[str, Any]]:
    """The events in the record, once it holds the last one."""

    async def whole() -> bool:
        try:
            return '"session.closed"' in await api.text(f"/api/sessions/{session}/events")
        except ApiRefused:
            return False  # the service is being started again

    await until(whole, what="the record has the whole session", timeout_s=40)
    return [json.loads(line) for line in (await api.text(f"/api/sessions/{session}/events")).splitlines()]


async def logged(stack: Stack, session: str) -> list[Envelope]:
    """The events in the log, read past all services."""
    async with connect(stack.ready.nats_url, name="test") as client:
        found: list[Envelope] = []
        async for commit in NatsEventLog(client).read(Log.SESSIONS, any_customer_session_filter(SessionId(session))):
            found += decode_commit(commit.payload)
    return found


def test_each_service_is_a_process_of_its_own(split: Stack) -> None:
    pids = split.ready.pids
    services = {"config", "gateway", "runtime", "panel-bridge", "ledger"}
    assert services < pids.keys()
    assert len({pids[name] for name in services | {"baton"}}) == 6


async def test_the_document_of_the_whole_api_is_served_at_the_one_origin(split: Stack) -> None:
    async with httpx.AsyncClient() as client:
        served = await client.get(f"{split.ready.api_url}/api/openapi.json")
    assert served.content == (Path(__file__).parents[2] / "docs" / "openapi.json").read_bytes()


def test_the_call_does_not_notice_that_ledger_and_panel_bridge_are_killed(endured: Endured) -> None:
    held = endured.held
    assert held.highlighted == [4]
    assert held.unacked_events == 0
    waits = [reply.after_s for reply in (held.expert, *held.replies)]
    assert all(wait is not None and wait < ANSWER_S for wait in waits), waits
    assert held.expert.pitch_hz
    assert held.greeting.pitch_hz
    assert abs(held.greeting.pitch_hz / held.expert.pitch_hz - 1) > 0.1, "two voices were heard"


async def test_they_are_back_and_catch_up_without_a_gap(split: Stack, endured: Endured) -> None:
    def restarted() -> bool:
        pids = split.ready.pids
        return all(pids[service] != endured.before[service] for service in KILLED)

    await until(restarted, what="both were started again", timeout_s=30)
    assert all(split.ready.pids[name] == pid for name, pid in endured.before.items() if name not in KILLED)
    async with open_api(split.ready) as api:
        events = await recorded(api, endured.session)
        panels = (await api.get(f"/api/sessions/{endured.session}/panels"))["data"]
    numbers: dict[str, list[int]] = defaultdict(list)
    for event in events:
        numbers[event["writer"]].append(event["n"])
    assert set(numbers) == {"admission", "run"}
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values()), numbers
    assert [event["id"] for event in events] == [event.id for event in await logged(split, endured.session)]
    assert panels[0]["state"]["code"] == endured.held.edited_code
    assert panels[0]["state"]["highlights"] == [4]


def test_the_session_was_served_by_one_job_and_ended_once(split: Stack, endured: Endured) -> None:
    ran = baton("replay", endured.session, "--data", str(split.data))
    assert ran.status == 0, ran.err
    assert ran.out.count("session.job_claimed") == 1
    assert ran.out.count("session.ended") == 1
    assert "session.job_lost" not in ran.out
    assert "session.failed" not in ran.out


def test_every_read_model_equals_a_rebuild_and_the_export_verifies(split: Stack, endured: Endured) -> None:
    checked = baton("projections", "check", "--data", str(split.data))
    assert checked.status == 0, checked.out
    export = baton("export", endured.session, "--data", str(split.data))
    verified = baton("verify", "-", "--public-key", split.ready.ledger_public_key, stdin=export.out)
    assert verified.status == 0, verified.out


# The same call was started under a caller's trace.


async def test_one_trace_leads_from_the_callers_request_to_the_job(
    split: Stack, endured: Endured, collector: Collector
) -> None:
    def exported() -> set[tuple[str, str]]:
        return {(span.service, span.name) for span in collector.of(TRACE)}

    wanted = {("gateway", "POST request"), ("gateway", "log append"), ("runtime", "log append")}
    await until(lambda: wanted <= exported(), what=f"spans of {wanted}", timeout_s=10)
    await until(lambda: any(name == "session job" for _, name in exported()), what="the job's span", timeout_s=10)
    spans = collector.of(TRACE)
    request = next(span for span in spans if span.name == "POST request")
    assert request.parent == TRACEPARENT.split("-")[2]
    assert request.attributes["url.path"] == "/api/session/start"
    known = {span.span for span in spans}
    orphans = [span for span in spans if span.parent not in known and span is not request]
    assert not orphans, "every span hangs under the caller's"


async def test_the_models_requests_carry_the_callers_trace(split: Stack, endured: Endured) -> None:
    origin = httpx.URL(split.ready.simulators["openai"]).copy_with(path="/requests")
    async with httpx.AsyncClient() as client:
        asked = (await client.get(origin)).json()
    carried = [one["traceparent"] for one in asked if one["vendor"] == "openai"]
    ours = [one for one in carried if one and one.split("-")[1] == TRACE]
    assert len(ours) >= 5, carried


async def test_the_events_carry_the_callers_trace(split: Stack, endured: Endured) -> None:
    events = await logged(split, endured.session)
    of_trace = {event.type for event in events if event.traceparent and event.traceparent.split("-")[1] == TRACE}
    assert {"session.requested", "session.dispatched", "session.job_claimed", "session.started"} <= of_trace
    assert {"turn.user_said", "turn.agent_said", "handoff.completed", "tool.completed", "session.ended"} <= of_trace
