"""Mistakes at the command line where nothing runs: one clear line on standard error, and exit status 2."""

from pathlib import Path

import pytest
from tests.support.stack import Ran, baton

pytestmark = pytest.mark.integration


def one_line(ran: Ran) -> str:
    assert ran.status == 2, ran
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert line.startswith("baton: ")
    return line


@pytest.mark.parametrize(
    "command",
    [
        ["projections", "check"],
        ["projections", "list"],
        ["replay", "ses_1"],
        ["export", "ses_1"],
        ["run", "ledger"],
    ],
)
def test_where_nothing_runs_it_says_how_to_start_it(tmp_path: Path, command: list[str]) -> None:
    line = one_line(baton(*command, "--data", str(tmp_path)))
    assert "baton up" in line
    assert str(tmp_path) in line


def test_a_scenario_that_is_not_there_is_named(tmp_path: Path) -> None:
    line = one_line(baton("up", "--data", str(tmp_path / "data"), "--scenario", str(tmp_path / "no.yaml")))
    assert "no.yaml" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("content", "named"), [("rules: 7", "rules"), ("rules: [{when: {user: '('}, text: Hm}]", "rules")]
)
def test_a_bad_scenario_is_refused_before_anything_starts(tmp_path: Path, content: str, named: str) -> None:
    scenario = tmp_path / "bad.yaml"
    scenario.write_text(content)
    line = one_line(baton("up", "--data", str(tmp_path / "data"), "--scenario", str(scenario)))
    assert "bad.yaml" in line
    assert named in line


def test_an_unknown_command_and_an_unknown_option_are_named(tmp_path: Path) -> None:
    assert "dance" in one_line(baton("dance"))
    assert "--fast" in one_line(baton("up", "--fast"))


def test_a_file_that_is_no_export_is_not_verified(tmp_path: Path) -> None:
    file = tmp_path / "export.ndjson"
    file.write_text("{}\n")
    ran = baton("verify", str(file))
    assert ran.status == 1
    assert "NOT VERIFIED" in ran.out
    assert "problem: " in ran.out


def test_a_public_key_that_is_none_is_said(tmp_path: Path) -> None:
    file = tmp_path / "export.ndjson"
    file.write_text("{}\n")
    assert "64 hexadecimal digits" in one_line(baton("verify", str(file), "--public-key", "xyz"))
    assert "64 hexadecimal digits" in one_line(baton("verify", str(file), "--public-key", "abcd"))


def test_help_lists_the_commands() -> None:
    ran = baton("--help")
    assert ran.status == 0
    for command in ("up", "demo", "run", "replay", "export", "verify", "projections", "migrate"):
        assert f"  {command} " in ran.out
