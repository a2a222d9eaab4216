"""Two stacks for all end-to-end tests, one per topology: starting one takes seconds, and a call half a minute.

Each lives in one xdist group, so that the workers do not start them twice. Fixtures are synchronous and hold their
calls on the worker's private loop, since they outlive the loop of a single test.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.demo_lines import TypedLine, in_room, start_session
from tests.support.otlp import Collector, a_collector
from tests.support.private_loop import PrivateLoop
from tests.support.stack import Ran, Stack, a_stack, baton

from baton.demo.api import Api, open_api
from baton.demo.script import Held, hold
from baton.ready import Ready

END_S = 40.0

MARKED_CODE = """\
# {mark}
def total(values):
    result = 0
    count = len(values)
    # One after the other.
    for i in range(count + 1):
        result += values[i]
    return result
"""
MARKED_LINE = 6


class Demonstrated(NamedTuple):
    """`baton demo --json` on a fresh data folder, from start to end."""

    data: Path
    ran: Ran
    evidence: dict[str, Any]


class Marked(NamedTuple):
    """A call in which `mark` was typed, written into code and given as the person's name, and the person's id is
    `pseudonym`.
    """

    session: str
    mark: str
    held: Held


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory: pytest.TempPathFactory, livekit_binary: Path) -> Demonstrated:
    data = tmp_path_factory.mktemp("together") / "data"
    ran = baton("demo", "--json", "--data", str(data), timeout_s=150)
    try:
        return Demonstrated(data, ran, json.loads(ran.out))
    except ValueError:
        raise AssertionError(f"exit status {ran.status}:\n{ran.err}") from None


@pytest.fixture(scope="session")
def together(demonstrated: Demonstrated) -> Iterator[Stack]:
    """Started on the folder that the demo left: what it recorded must still be there."""
    with a_stack(demonstrated.data) as stack:
        yield stack


@pytest.fixture(scope="session")
def marked(together: Stack, private_loop: PrivateLoop) -> Marked:
    """The demo's call, typed, with other code."""
    return private_loop.run(_hold_marked(together.ready, mark="quokkaflute"))


async def _hold_marked(live: Ready, *, mark: str) -> Marked:
    async with open_api(live) as api:
        user = {"id": "grace", "name": f"Grace {mark}", "preferences": {"colour": mark}}
        session = await start_session(api, user=user)
        async with in_room(session) as participant:
            held = await hold(TypedLine(participant, mark=mark), code=MARKED_CODE.format(mark=mark))
        await until_closed(api, session["session_id"])
    return Marked(session["session_id"], mark, held)


async def until_closed(api: Api, session: str) -> None:
    """Until nothing of the session is left to do."""
    await api.until_status(session, "closed", timeout_s=END_S)


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with a_collector() as found:
        yield found


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory, livekit_binary: Path, collector: Collector) -> Iterator[Stack]:
    """Five processes, whose spans go to the collector."""
    data = tmp_path_factory.mktemp("split") / "data"
    with a_stack(data, topology="split", environment={"BATON_OTLP_ENDPOINT": collector.endpoint}) as stack:
        yield stack
