"""A scenario file: what is read, and how a bad one is refused."""

from pathlib import Path

import pytest

from simulators.scenario import DEMO, ScenarioError, load

pytestmark = pytest.mark.unit


def written(folder: Path, text: str) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(text)
    return path


def test_the_demo_has_four_utterances_of_speech_under_600_kb() -> None:
    demo = load(DEMO)
    wavs = [Path(utterance.wav) for utterance in demo.utterances]
    assert len(wavs) == 4
    assert sum(wav.stat().st_size for wav in wavs) < 600_000


def test_json_is_read_as_well_as_yaml(tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text('{"rules": [{"name": "hello", "text": "Hello"}]}')
    assert load(path).rules[0].text == "Hello"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules: [{text: hi}]", r"missing required field `name` - at `\$\.rules\[0\]`"),
        ("rules: [{name: a, whem: {}}]", r"unknown field `whem` - at `\$\.rules\[0\]`"),
        ("rules: [{name: a, fault: {status: 200}}]", r">= 400 - at `\$\.rules\[0\]\.fault\.status`"),
        ("rules: [{name: a, when: {user: '('}}]", r"\$\.rules\[0\] \(a\)\.when\.user: not a regular expression"),
        (
            "rules: [{name: a, captures: {n: {source: last_user, line_of: '['}}}]",
            r"\$\.rules\[0\] \(a\)\.captures\.n\.line_of: not a regular expression",
        ),
        (
            "rules: [{name: a, captures: {n: {source: last_user, line_of: a, regex: b}}}]",
            r"captures\.n: give line_of or regex",
        ),
        ("rules: [{name: a, text: '${n}'}]", r"\$\.rules\[0\] \(a\)\.text: \$\{n\} is not one of the rule's captures"),
        (
            "rules: [{name: a, calls: [{tool: t, arguments: {x: [{y: '${n}'}]}}]}]",
            r"\(a\)\.calls\[0\]\.arguments: \$\{n\} is not one",
        ),
        ("rules: [{name: a}, {name: a}]", r"\$\.rules\[1\] \(a\): another rule has this name"),
        ("utterances: [{wav: gone.wav, text: hi}]", r"\$\.utterances\[0\]\.wav: no such file"),
        ("voices: {v: 5}", r">= 50(\.0)? - at `\$\.voices\[\.\.\.\]`"),
        ("rules: [", r"scenario\.yaml"),
    ],
)
def test_a_bad_file_is_refused_by_the_name_of_the_field(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        load(written(tmp_path, text))


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml")
