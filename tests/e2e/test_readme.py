"""Every command of README.md works as it stands there, in order, against a running Baton."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.stack import a_stack

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def newcomer(tmp_path: Path, livekit_binary: Path) -> Iterator[Path]:
    """A folder that looks like a checkout in which `make up` runs: the commands name `.venv`, `.baton` and `docs`.

    A Baton of its own: `baton pull` takes all that there is, and other tests leave broken drafts behind.
    """
    for name in (".venv", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    with a_stack(tmp_path / ".baton"):
        yield tmp_path


def test_the_commands_of_the_readme_work_as_they_stand(newcomer: Path) -> None:
    blocks = _BLOCK.findall((ROOT / "README.md").read_text())
    assert len(blocks) == 7
    script = "set -euo pipefail\nset -x\n" + "\n".join(blocks)
    ran = subprocess.run(["bash", "-c", script], cwd=newcomer, capture_output=True, text=True, timeout=180)
    assert ran.returncode == 0, ran.stderr[-3000:]
    for seen in (
        '"number": 1',
        '"access_token": "',
        "hands off to coding_expert",
        "verified",
        "equal",
        "> publish template tutoring as version 2",
        "customer.suspended",
        "0010-connect-to-the-checked-address.md (text/markdown, en): ready",
        "0010-connect-to-the-checked-address.md > 10. A call",
    ):
        assert seen in ran.stdout
    assert "session_history" in ran.stdout
