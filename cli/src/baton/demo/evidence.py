"""What the platform says about the call afterwards, gathered over its public API, and whether all of it holds."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from baton.demo.api import Api
from baton.demo.script import Held
from baton.projections import open_projections
from baton.verify import Verdict, verify_export
from simulators.voices import pitch_hz

_CATCH_UP_S = 20.0
_VOICE_TOLERANCE = 0.06


class Check(msgspec.Struct, frozen=True):
    """One thing that must be so."""

    name: str
    holds: bool
    detail: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed, and written by ``--json``."""

    room: bool
    ok: bool
    session: str
    topology: str
    greeting_after_start_s: float
    heard: Held
    timeline: list[dict[str, Any]]
    handoffs: list[dict[str, Any]]
    cost: dict[str, Any]
    panels: list[dict[str, Any]]
    heads: dict[str, str]
    projections: dict[str, bool]
    checks: list[Check]


async def gather(
    api: Api,
    environment: Mapping[str, str],
    *,
    room: bool,
    session: str,
    topology: str,
    greeting_after_start_s: float,
    held: Held,
    expected_line: int,
    public_key: str,
    simulated_voices: tuple[str, str] | None,
) -> Evidence:
    """Ask the ledger and the panel-bridge once they have caught up, verify the export, check every projection."""
    timeline = await _whole_timeline(api, session)
    base = f"/api/sessions/{session}"
    handoffs = (await api.get(f"{base}/handoffs"))["data"]
    cost = await api.get(f"{base}/cost")
    panels = (await api.get(f"{base}/panels"))["data"]
    verdict = verify_export((await api.text(f"{base}/export")).splitlines(), bytes.fromhex(public_key))
    async with open_projections(environment) as projections:
        equal = {report.projection: report.equal for report in await projections.check(())}
    checks = [
        *_heard_checks(held, room=room, simulated_voices=simulated_voices),
        *_work_checks(held, timeline, handoffs, panels, expected_line),
        *_book_checks(timeline, cost, verdict, equal),
    ]
    return Evidence(
        room=room,
        ok=all(check.holds for check in checks),
        session=session,
        topology=topology,
        greeting_after_start_s=greeting_after_start_s,
        heard=held,
        timeline=timeline,
        handoffs=handoffs,
        cost=cost,
        panels=panels,
        heads={subject: str(head) for subject, head in verdict.heads.items()},
        projections=equal,
        checks=checks,
    )


async def _whole_timeline(api: Api, session: str) -> list[dict[str, Any]]:
    """The timeline, once the ledger shows the session's end."""
    async with asyncio.timeout(_CATCH_UP_S):
        while True:
            items: list[dict[str, Any]] = (await api.get(f"/api/sessions/{session}/timeline"))["data"]
            if any(item["type"] in ("session.ended", "session.failed") for item in items):
                return items
            await asyncio.sleep(0.05)


def _heard_checks(held: Held, *, room: bool, simulated_voices: tuple[str, str] | None) -> list[Check]:
    if not room:
        return []
    first, second = held.greeting.pitch_hz, held.expert.pitch_hz
    detail = f"{first or 0:.0f} Hz, then {second or 0:.0f} Hz"
    checks = [
        Check("two different voices were heard", bool(first and second and abs(first / second - 1) > 0.1), detail)
    ]
    for voice, heard in zip(simulated_voices or (), (first, second), strict=False):
        near = heard is not None and abs(heard / pitch_hz(voice) - 1) < _VOICE_TOLERANCE
        checks.append(Check(f"the voice {voice} was heard", near, f"{pitch_hz(voice):.0f} Hz"))
    return checks


def _work_checks(
    held: Held,
    timeline: list[dict[str, Any]],
    handoffs: list[dict[str, Any]],
    panels: list[dict[str, Any]],
    expected_line: int,
) -> list[Check]:
    called = [item["details"]["name"] for item in timeline if item["kind"] == "tool"]
    completed = [handoff for handoff in handoffs if handoff["outcome"] == "completed"]
    editor = next((panel for panel in panels if panel["panel"] == "coding_ide"), {})
    kept = (editor.get("state") or {}).get("code") == held.edited_code
    said = [item for item in timeline if item["kind"] == "user"]
    needed = ["transfer_to_coding_expert", "open_coding_ide", "read_code", "highlight_code_lines", "end_session"]
    return [
        Check("one handoff, triage to coding expert", [h["to_agent"] for h in completed] == ["coding_expert"]),
        Check("the tools were called in order", _in_order(needed, called), ", ".join(called)),
        Check("the right line is highlighted", held.highlighted == [expected_line], str(held.highlighted)),
        Check("the record has the code as the participant wrote it", kept),
        Check("every edit was acknowledged", held.unacked_events == 0),
        Check("the four utterances were understood", len(said) == 4, f"{len(said)} turns"),
    ]


def _book_checks(
    timeline: list[dict[str, Any]], cost: dict[str, Any], verdict: Verdict, equal: dict[str, bool]
) -> list[Check]:
    ends = [item["type"] for item in timeline if item["type"] in ("session.ended", "session.failed")]
    amounts = ("amount_nano", "customer_paid_nano")
    cuts = ("agents", "turns", "families")
    sums = all(sum(share[amount] for share in cost[cut]) == cost[amount] for cut in cuts for amount in amounts)
    paid = any(cost[amount] > 0 for amount in amounts)
    different = ", ".join(name for name, same in equal.items() if not same)
    return [
        Check("the session has exactly one end", ends == ["session.ended"], ", ".join(ends)),
        Check("the call cost something, and all of it has a price", paid and not cost["unpriced"]),
        Check("the cost adds up per agent, turn and family", sums),
        Check("the exported record verifies", verdict.ok, "; ".join(map(str, verdict.problems))),
        Check("every projection equals its rebuild", bool(equal) and all(equal.values()), different),
    ]


def _in_order(needed: list[str], called: list[str]) -> bool:
    rest = iter(called)
    return all(name in rest for name in needed)
