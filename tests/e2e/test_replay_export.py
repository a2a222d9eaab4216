"""Recorded sessions from the command line, also those of an earlier run on the same folder."""

import json

import pytest
from tests.e2e.conftest import Demonstrated, Marked
from tests.support.stack import Stack, baton

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("together")]


def test_a_session_of_an_earlier_run_is_all_there(together: Stack, demonstrated: Demonstrated) -> None:
    """The stack was stopped and started again in between."""
    recorded = demonstrated.evidence
    ran = baton("replay", recorded["session"], "--data", str(together.data))
    assert ran.status == 0, ran.err
    positions = [item["position"] for item in recorded["timeline"]]
    assert [line.strip() for line in ran.out.splitlines() if line.strip() in positions] == positions
    for item in recorded["timeline"]:
        if item["kind"] in ("user", "agent"):
            assert f"“{item['personal']['text']}”" in ran.out
    assert "hands off to coding_expert" in ran.out


def test_a_session_is_shown_as_it_was_at_a_position(together: Stack, demonstrated: Demonstrated) -> None:
    recorded = demonstrated.evidence
    handoff = next(item for item in recorded["timeline"] if item["type"] == "handoff.completed")
    first = recorded["timeline"][0]
    at_first, at_handoff = (
        json.loads(baton("replay", recorded["session"], "--at", at, "--data", str(together.data)).out)
        for at in (first["position"], handoff["position"])
    )
    assert at_first["run"]["phase"] == "unclaimed"
    assert at_handoff["run"]["agent"] == "coding_expert"
    assert at_handoff["run"]["handoffs"] == 1
    assert at_handoff["run"]["panels"] == {}, "the editor was opened later"


def test_an_export_verifies_by_the_deployments_key_alone(together: Stack, marked: Marked) -> None:
    export = baton("export", marked.session, "--data", str(together.data))
    assert export.status == 0, export.err
    key = together.ready.ledger_public_key
    verified = baton("verify", "-", "--public-key", key, stdin=export.out)
    assert verified.status == 0, verified.out
    assert verified.out.endswith("commits: verified\n")
    other = baton("verify", "-", "--public-key", "ab" * 32, stdin=export.out)
    assert other.status == 1
    assert "NOT VERIFIED" in other.out


def test_an_export_with_one_changed_character_does_not_verify(together: Stack, marked: Marked) -> None:
    export = baton("export", marked.session, "--data", str(together.data)).out
    lines = export.splitlines(keepends=True)
    line = lines[len(lines) // 2]
    place = len(line) // 2
    changed = line[:place] + ("A" if line[place] != "A" else "B") + line[place + 1 :]
    for altered in ("".join([*lines[: len(lines) // 2], changed, *lines[len(lines) // 2 + 1 :]]), "".join(lines[:-2])):
        ran = baton("verify", "-", "--public-key", together.ready.ledger_public_key, stdin=altered)
        assert ran.status == 1
        assert "problem: " in ran.out
        assert ran.out.endswith("NOT VERIFIED\n")
