"""Every test module says what kind it is, or the run does not begin."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]


def collect(module: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml")]
    return subprocess.run(
        [*command, *options, str(module)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("workers", [[], ["-n", "1"]])
def test_a_module_without_a_kind_is_refused_by_name(tmp_path: Path, workers: list[str]) -> None:
    module = tmp_path / "test_nameless.py"
    module.write_text("def test_it() -> None:\n    pass\n")
    ran = collect(module, *workers)
    assert ran.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR)
    assert f"{module}: say what kind of test it is: pytestmark, one of unit, integration, e2e, chaos" in ran.stdout


def test_a_module_with_a_kind_runs(tmp_path: Path) -> None:
    module = tmp_path / "test_named.py"
    module.write_text("import pytest\n\npytestmark = pytest.mark.unit\n\n\ndef test_it() -> None:\n    pass\n")
    ran = collect(module)
    assert ran.returncode == 0, ran.stdout + ran.stderr
