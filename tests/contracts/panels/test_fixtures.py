"""The language-neutral fixtures of contracts/fixtures/panels, run by the Python interpreter."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.panels.interpreter import (
    command_patch,
    event_patch,
    initial_state,
    merge_patch,
    panel_hash,
    patched,
    render,
)
from contracts.panels.kind import PanelKind
from contracts.panels.refusals import PanelRefused
from contracts.panels.registry import builtin, decode_kind
from contracts.panels.template import ABSENT

pytestmark = pytest.mark.unit

FIXTURES = Path(__file__).parents[3] / "contracts" / "fixtures" / "panels"
CASES = [case for file in sorted(FIXTURES.glob("*.json")) for case in json.loads(file.read_bytes())]


def test_there_are_fixtures_for_every_builtin_kind() -> None:
    assert {case["kind"] for case in CASES if isinstance(case["kind"], str)} == set(builtin())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_step_of_a_fixture_has_the_patch_the_state_and_the_refusal_it_expects(case: dict[str, Any]) -> None:
    kind = _kind_of(case)
    state: dict[str, object] = {}
    for step in case["steps"]:
        before = msgspec.json.encode(state)
        if "expect_error" in step:
            with pytest.raises(PanelRefused) as refused:
                _take(kind, state, step)
            assert refused.value.code == step["expect_error"], step
            continue
        patch, after = _take(kind, state, step)
        assert patch == step.get("expect_patch", patch), step
        assert after == step.get("expect_state", after), step
        assert panel_hash(after) == step.get("expect_hash", panel_hash(after)), step
        assert msgspec.json.encode(state) == before, "the state before is left as it was"
        state = after


@pytest.mark.parametrize("case", json.loads((FIXTURES / "rules" / "merge_patch.json").read_bytes()), ids=json.dumps)
def test_merge_patch_follows_rfc_7396(case: dict[str, Any]) -> None:
    target, patch = msgspec.json.encode(case["target"]), msgspec.json.encode(case["patch"])
    assert merge_patch(case["target"], case["patch"]) == case["result"]
    assert (msgspec.json.encode(case["target"]), msgspec.json.encode(case["patch"])) == (target, patch)


@pytest.mark.parametrize(
    "case", json.loads((FIXTURES / "rules" / "templates.json").read_bytes()), ids=lambda case: case["name"]
)
def test_templates_render_as_the_fixtures_say(case: dict[str, Any]) -> None:
    rendered = render(case["template"], args=case["args"], state=case["state"])
    expected = ABSENT if case.get("absent") else case["expect"]
    # As text too, since in Python 1 == True == 1.0.
    assert rendered == expected
    assert repr(rendered) == repr(expected)


def _kind_of(case: dict[str, Any]) -> PanelKind:
    kind = case["kind"]
    return builtin()[kind] if isinstance(kind, str) else decode_kind(msgspec.json.encode(kind))


def _take(
    kind: PanelKind, state: dict[str, object], step: dict[str, Any]
) -> tuple[dict[str, object] | None, dict[str, object]]:
    match step:
        case {"open": args}:
            return None, initial_state(kind, args)
        case {"command": name, "args": args}:
            patch = command_patch(kind, state, name, args)
        case {"event": name, "args": args}:
            patch = event_patch(kind, state, name, args)
        case _:
            raise AssertionError(f"not a step: {step}")
    return patch, patched(state, patch)
