"""`baton demo`: the whole call on the real parts, in one command and one process."""

import json
from pathlib import Path

import pytest
from tests.e2e.conftest import MARKED_LINE, Demonstrated, Marked
from tests.support.stack import baton

from simulators.voices import pitch_hz

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("together")]


def test_the_demo_exits_0_and_says_that_all_of_it_happened(demonstrated: Demonstrated) -> None:
    evidence = demonstrated.evidence
    missing = [check for check in evidence["checks"] if not check["holds"]]
    assert not missing
    assert demonstrated.ran.status == 0
    assert evidence["ok"]
    assert evidence["room"]
    assert evidence["topology"] == "together"


def test_the_voices_of_both_agents_reached_the_participant(demonstrated: Demonstrated) -> None:
    heard = demonstrated.evidence["heard"]
    assert heard["greeting"]["pitch_hz"] == pytest.approx(pitch_hz("triage-voice"), rel=0.06)
    assert heard["expert"]["pitch_hz"] == pytest.approx(pitch_hz("expert-voice"), rel=0.06)
    assert len(heard["replies"]) == 3
    assert all(reply["pitch_hz"] for reply in heard["replies"])


def test_the_demo_shows_who_spoke_what_it_cost_and_what_was_proved(demonstrated: Demonstrated) -> None:
    evidence = demonstrated.evidence
    kinds = {item["kind"] for item in evidence["timeline"]}
    assert {"user", "agent", "handoff", "tool", "panel"} <= kinds
    latencies = [item["details"]["latency"] for item in evidence["timeline"] if item["details"].get("latency")]
    assert any({"eou", "llm_ttft", "tts_ttfb"} <= latency.keys() for latency in latencies)
    assert evidence["handoffs"][0]["ms"] > 0
    assert {share["name"] for share in evidence["cost"]["agents"]} >= {"triage", "coding_expert"}
    assert len(evidence["heads"]) == 2
    assert all(evidence["projections"].values())


def test_another_edit_of_the_code_yields_another_line(demonstrated: Demonstrated, marked: Marked) -> None:
    assert demonstrated.evidence["heard"]["highlighted"] == [4]
    assert marked.held.highlighted == [MARKED_LINE]
    assert marked.held.unacked_events == 0


@pytest.mark.xdist_group("alone")
def test_without_a_livekit_server_the_same_call_is_held_without_a_room(tmp_path: Path) -> None:
    data = tmp_path / "data"
    ran = baton("demo", "--json", "--data", str(data), environment={"BATON_NO_LIVEKIT": "1"}, timeout_s=120)
    assert ran.status == 3, ran.err
    said = [line for line in ran.err.splitlines() if "LiveKit" in line]
    assert said == ["no LiveKit server can be had (BATON_NO_LIVEKIT is set): sessions run without a room"]
    evidence = json.loads(ran.out)
    assert evidence["room"] is False
    assert evidence["ok"], [check for check in evidence["checks"] if not check["holds"]]
    assert evidence["heard"]["highlighted"] == [4]
    assert evidence["heard"]["expert"]["text"].startswith("Hi, I am the coding expert")
