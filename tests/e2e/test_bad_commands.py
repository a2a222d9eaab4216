"""The command line beside a running Baton: one clear line on standard error, a status that says which kind."""

import socket
from pathlib import Path

import pytest
from tests.e2e.conftest import Marked
from tests.support.problems import no_event
from tests.support.stack import Ran, Stack, baton

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("together")]


def one_line(ran: Ran, *, status: int = 2) -> str:
    assert ran.status == status, ran
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert line.startswith("baton: ")
    return line


def test_a_data_folder_in_use_is_said_with_its_holder(together: Stack) -> None:
    line = one_line(baton("up", "--data", str(together.data)))
    assert str(together.data) in line
    assert f"in use by process {together.process.pid}" in line


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = one_line(baton("up", "--data", str(tmp_path / "data"), "--port", str(port)))
    assert f"port {port} on 127.0.0.1 is in use" in line


async def test_an_unknown_session_is_said_and_leaves_no_event(together: Stack, marked: Marked) -> None:
    data = str(together.data)
    async with no_event(together.ready.nats_url):
        for command in ("replay", "export"):
            assert "session_not_found" in one_line(baton(command, "ses_unknown", "--data", data))


def test_a_position_that_is_none_is_said(together: Stack, marked: Marked) -> None:
    ran = baton("replay", marked.session, "--at", "yesterday", "--data", str(together.data))
    assert "invalid_position" in one_line(ran)


def test_an_unknown_projection_is_said_with_those_that_there_are(together: Stack) -> None:
    line = one_line(baton("projections", "check", "nothing", "--data", str(together.data)))
    assert "no projection nothing" in line
    assert "session_history" in line
