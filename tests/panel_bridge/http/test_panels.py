"""Panels over HTTP: what they hold now and held then, and commands through the live job."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from nats.aio.client import Client
from tests.support.readers import PEPPER, calling, holding_keys, issue_key
from tests.support.sessions import CODE, FIXED_CODE, Keys, ScriptedSession, a_session, append
from tests.support.until import until

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.requests import serve
from chassis.postgres.rebuild import rebuild
from contracts.commands.live import CommandPanel, LiveAnswer, LiveDone, LiveRefused, LiveRequest
from contracts.ids import CustomerId
from contracts.positions import Position
from contracts.subjects import live_session_subject
from panel_bridge.bootstrap import migrate, open_service, projections
from panel_bridge.settings import Settings

pytestmark = pytest.mark.integration


@dataclass
class World:
    settings: Settings
    nats: Client
    log: NatsEventLog
    session: ScriptedSession
    foreign: ScriptedSession
    keys: Keys
    positions: list[Position]
    api_key: str


@dataclass
class Job:
    """Serves a session in place of the runtime."""

    answer: LiveAnswer
    heard: list[LiveRequest] = field(default_factory=list)

    async def __call__(self, request: LiveRequest) -> LiveAnswer:
        self.heard.append(request)
        return self.answer


@pytest.fixture
async def world(nats_url: str, database: str) -> AsyncIterator[World]:
    settings = Settings(nats_url=nats_url, postgres_dsn=database, key_pepper=PEPPER)
    await migrate(settings)
    session, foreign = a_session(closed=False, turns=2), a_session(customer=CustomerId("other"))
    keys = Keys([session, foreign])
    async with connect(nats_url, name="tests") as nats, holding_keys(nats, keys):
        log = NatsEventLog(nats)
        await append(log, foreign.commits)
        positions = [await append(log, [commit]) for commit in session.commits]
        api_key = await issue_key(log, session.customer)
        yield World(settings, nats, log, session, foreign, keys, positions, api_key)


@pytest.fixture
async def api(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(open_service(world.settings), world.api_key) as client:

        async def has_arrived() -> bool:
            query = {"min_position": world.positions[-1].encode()}
            answer = await client.get(f"/api/sessions/{world.session.session}/panels", params=query)
            return answer.status_code == 200

        await until(has_arrived, what="the panel-bridge has caught up")
        yield client


@pytest.fixture
def panels(world: World) -> str:
    return f"/api/sessions/{world.session.session}/panels"


async def test_a_panel_shows_its_state_its_revision_and_its_numbers(
    api: httpx.AsyncClient, world: World, panels: str
) -> None:
    [panel] = (await api.get(panels)).json()["data"]
    held = world.session.state.run.panels["coding_ide"]  # type: ignore[index]
    assert (panel["panel"], panel["instance"], panel["rev"], panel["open"]) == ("coding_ide", "p1", held.rev, True)
    assert panel["state"] == held.state
    assert panel["by"] == "agent"
    assert panel["counts"] == {
        "opened": 1,
        "changed_by_user": 2,
        "changed_by_agent": 2,
        "commanded_by_agent": 2,
        "snapshotted": 1,
    }
    assert (await api.get(f"{panels}/coding_ide")).json() == panel


async def test_a_panel_at_an_event_is_what_it_was_then(api: httpx.AsyncClient, world: World, panels: str) -> None:
    seen = []
    for commit, position in zip(world.session.commits, world.positions, strict=True):
        if commit.events[-1].type == "panel.changed":
            seen.append((await api.get(f"{panels}/coding_ide", params={"at": position.encode()})).json())
    assert [panel["rev"] for panel in seen] == [2, 3, 4, 5]
    assert [panel["state"]["code"] for panel in seen] == [FIXED_CODE, FIXED_CODE, CODE, CODE]
    before = (await api.get(panels, params={"at": world.positions[0].encode()})).json()["data"]
    assert before == []


async def test_an_erased_panel_reads_erased_and_keeps_its_revisions(world: World, panels: str) -> None:
    world.keys.destroyed.add(world.session.keyid)
    async with calling(open_service(world.settings), world.api_key) as api:
        query = {"min_position": world.positions[-1].encode()}
        [panel] = (await api.get(panels, params=query)).json()["data"]
    assert (panel["state"], panel["rev"]) == ("erased", 5)


async def test_a_rebuild_by_name_gives_the_same_panels(api: httpx.AsyncClient, world: World, panels: str) -> None:
    before = (await api.get(panels)).json()
    [projection] = projections(world.settings)
    report = await rebuild(
        world.settings.postgres_dsn, log=world.log, service="panel_bridge", projection=projection, only_if_equal=True
    )
    assert report.check is not None
    assert report.check.comparison.rows > 0
    assert (await api.get(panels)).json() == before


async def test_what_is_not_the_askers_is_not_found(api: httpx.AsyncClient, world: World, panels: str) -> None:
    for path in (f"/api/sessions/{world.foreign.session}/panels", "/api/sessions/ses_never/panels"):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
    answer = await api.get(f"{panels}/notepad")
    assert (answer.status_code, answer.json()["code"]) == (404, "panel_not_found")


COMMAND = {"action": "highlight_lines", "args": {"lines": [1]}, "base_rev": 5}


async def test_a_command_reaches_the_live_job_and_answers_its_revision(
    api: httpx.AsyncClient, world: World, panels: str
) -> None:
    job = Job(LiveDone(rev=6))
    async with await serve(world.nats, live_session_subject(world.session.session), LiveRequest, job, queue=None):
        answer = await api.post(f"{panels}/coding_ide/commands", json=COMMAND)
    assert (answer.status_code, answer.json()["rev"]) == (200, 6)
    [request] = job.heard
    assert request.customer == world.session.customer
    assert isinstance(request.command, CommandPanel)
    assert (request.command.panel, request.command.action, request.command.base_rev) == (
        "coding_ide",
        "highlight_lines",
        5,
    )
    assert bytes(request.command.args) == b'{"lines":[1]}'
    assert answer.json()["op_id"] == request.command.op_id


async def test_one_idempotency_key_is_one_operation(api: httpx.AsyncClient, world: World, panels: str) -> None:
    job = Job(LiveDone(rev=6))
    async with await serve(world.nats, live_session_subject(world.session.session), LiveRequest, job, queue=None):
        for key in ("once", "once", "twice", None, None):
            headers = {"Idempotency-Key": key} if key else {}
            await api.post(f"{panels}/coding_ide/commands", json=COMMAND, headers=headers)
    ops = [request.command.op_id for request in job.heard if isinstance(request.command, CommandPanel)]
    assert ops[0] == ops[1]
    assert len(set(ops)) == 4


async def test_without_a_live_job_a_command_is_a_conflict(api: httpx.AsyncClient, panels: str) -> None:
    answer = await api.post(f"{panels}/coding_ide/commands", json=COMMAND)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_live_job")


@pytest.mark.parametrize(
    ("code", "status"),
    [("STALE_REV", 409), ("USER_DENIED", 409), ("UNKNOWN_PANEL", 409), ("BAD_SCHEMA", 422), ("TOO_LARGE", 422)],
)
async def test_a_refusal_of_the_panel_comes_back_with_its_code(
    api: httpx.AsyncClient, world: World, panels: str, code: str, status: int
) -> None:
    job = Job(LiveRefused(code=code, message="the panel says no"))
    async with await serve(world.nats, live_session_subject(world.session.session), LiveRequest, job, queue=None):
        answer = await api.post(f"{panels}/coding_ide/commands", json=COMMAND)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


BAD: list[tuple[dict[str, object], str]] = [
    ({"action": "highlight_lines", "args": {"lines": ["x"]}}, "invalid_arguments"),
    ({"action": "explode"}, "unknown_action"),
    ({"action": "Not A Name"}, "invalid_input"),
    ({"args": {}}, "invalid_input"),
    ({"action": "highlight_lines", "args": {"lines": [1]}, "force": True}, "invalid_input"),
    ({"action": "highlight_lines", "args": {"lines": [1]}, "base_rev": -1}, "invalid_input"),
]


@pytest.mark.parametrize(("body", "code"), BAD)
async def test_a_command_that_is_wrong_is_refused_and_reaches_nobody(
    api: httpx.AsyncClient, world: World, panels: str, body: dict[str, object], code: str
) -> None:
    job = Job(LiveDone(rev=6))
    async with await serve(world.nats, live_session_subject(world.session.session), LiveRequest, job, queue=None):
        answer = await api.post(f"{panels}/coding_ide/commands", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert job.heard == []


async def test_another_customers_session_takes_no_command(api: httpx.AsyncClient, world: World) -> None:
    job = Job(LiveDone(rev=6))
    async with await serve(world.nats, live_session_subject(world.foreign.session), LiveRequest, job, queue=None):
        answer = await api.post(f"/api/sessions/{world.foreign.session}/panels/coding_ide/commands", json=COMMAND)
    assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
    assert job.heard == []


async def test_the_api_describes_itself(api: httpx.AsyncClient) -> None:
    described = (await api.get("/schema/openapi.json")).json()
    assert "/api/sessions/{session_id}/panels/{panel}/commands" in described["paths"]
