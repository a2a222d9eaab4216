"""The ledger's read models: what a rebuild gives, what an erasure leaves, whom a poison event stops."""

import json
import re
import traceback
from typing import Any

import asyncpg
import msgspec
import pytest
from litestar.exceptions import LitestarException
from tests.support.ledgers import World
from tests.support.readers import calling
from tests.support.sessions import SECRET_WORDS, SessionCommit, a_session, append
from tests.support.until import until

from baton.verify import verify_export
from chassis.clock import SystemClock
from chassis.postgres.names import generation_schema
from chassis.postgres.overview import list_projections
from chassis.postgres.parking import parked_sessions
from chassis.postgres.pool import direct
from chassis.postgres.rebuild import check, rebuild
from chassis.postgres.runner import ProjectionRunner
from chassis.recording import Origin, Recorder
from chassis.tasks import Tasks
from contracts.events import usage
from contracts.events.panel import PanelRejected
from contracts.ids import AgentId, TurnId
from contracts.subjects import Log, Writer, session_subject
from ledger.bootstrap import open_service, projections
from ledger.exporting import RecordBroken

pytestmark = pytest.mark.integration

NAMES = ["record_sessions", "record_config", "session_history", "handoffs", "price_books", "charges"]


async def caught_up(world: World) -> None:
    async def no_lag() -> bool:
        statuses = await list_projections(world.settings.postgres_dsn, log=world.log, service="ledger")
        return len(statuses) == len(NAMES) and all(status.lag == 0 for status in statuses)

    await until(no_lag, what="every read model of the ledger has caught up", timeout_s=20)


async def test_every_read_model_is_rebuilt_by_name_and_equals_the_live_one(world: World) -> None:
    async with calling(open_service(world.settings), world.api_key) as api:
        await caught_up(world)
        session = world.session.session
        before = [(await api.get(f"/api/sessions/{session}/{path}")).text for path in ("timeline", "handoffs", "cost")]
        for projection in projections(world.settings):
            report = await rebuild(
                world.settings.postgres_dsn, log=world.log, service="ledger", projection=projection, only_if_equal=True
            )
            assert report.check is not None
            assert report.check.comparison.rows > 0, projection.name
            assert report.check.comparison.differences == []
        after = [(await api.get(f"/api/sessions/{session}/{path}")).text for path in ("timeline", "handoffs", "cost")]
        assert after == before
    assert [projection.name for projection in projections(world.settings)] == NAMES


async def test_events_that_come_one_by_one_give_the_same_rows_as_a_rebuild_in_batches(world: World) -> None:
    dsn = world.settings.postgres_dsn
    async with Tasks() as tasks:
        for projection in projections(world.settings):
            one_by_one = ProjectionRunner(
                log=world.log, dsn=dsn, service="ledger", projection=projection, batch_commits=1
            )
            tasks.start(one_by_one.run(), name=projection.name)
        await caught_up(world)
    for projection in projections(world.settings):
        report = await check(dsn, log=world.log, service="ledger", projection=projection)
        assert report.comparison.rows > 0
        assert report.comparison.differences == []


async def test_a_row_altered_by_hand_is_found_and_named(world: World) -> None:
    async with calling(open_service(world.settings), world.api_key):
        await caught_up(world)
    [charges] = [each for each in projections(world.settings) if each.name == "charges"]
    async with direct(world.settings.postgres_dsn) as db:
        await db.execute("update ledger.charge set amount_nano = amount_nano + 1 where unit = 'output_tokens'")
    report = await check(world.settings.postgres_dsn, log=world.log, service="ledger", projection=charges)
    assert {difference.key["unit"] for difference in report.comparison.differences} == {"output_tokens"}


@pytest.mark.parametrize(
    "tampering",
    [
        "update {table} set payload = '' where number = 1",
        "delete from {table} where number = 1",
        "truncate {table}",
    ],
)
async def test_the_record_refuses_to_be_changed(world: World, tampering: str) -> None:
    async with calling(open_service(world.settings), world.api_key):
        await caught_up(world)
    table = f"{generation_schema('ledger', 'record_sessions', 1)}.sessions_commit"
    async with direct(world.settings.postgres_dsn) as db:
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await db.execute(tampering.format(table=table))


async def test_a_record_changed_behind_its_guard_is_never_signed(world: World) -> None:
    table = f"{generation_schema('ledger', 'record_sessions', 1)}.sessions_commit"
    async with calling(open_service(world.settings), world.api_key) as api:
        await caught_up(world)
        async with direct(world.settings.postgres_dsn) as db:
            await db.execute("set session_replication_role = replica")
            await db.execute(f"delete from {table} where number = 3")
        # A server cuts the connection here; the transport of this test raises instead.
        with pytest.raises(LitestarException) as broken:
            await api.get(f"/api/sessions/{world.session.session}/export")
        assert RecordBroken.__name__ in "".join(traceback.format_exception(broken.value))


async def test_no_spoken_or_typed_word_is_in_any_row(world: World) -> None:
    async with calling(open_service(world.settings), world.api_key):
        await caught_up(world)
    async with direct(world.settings.postgres_dsn) as db:
        tables = await db.fetch(
            "select table_schema || '.' || table_name as name from information_schema.tables"
            " where table_schema like 'ledger%' and table_type = 'BASE TABLE'"
        )
        assert len(tables) >= 8
        for table in tables:
            rows = await db.fetch(f"select t::text as row from {table['name']} t")
            text = " ".join(row["row"] for row in rows)
            plain = text + " ".join(_bytea(text))
            assert not [word for word in SECRET_WORDS if word in plain], table["name"]


def _bytea(text: str) -> list[str]:
    """PostgreSQL shows bytes in hex."""
    return [bytes.fromhex(found).decode("utf-8", "replace") for found in re.findall(r"\\x((?:[0-9a-f]{2})+)", text)]


async def test_an_erased_session_reads_erased_and_everything_else_adds_up(world: World) -> None:
    async with calling(open_service(world.settings), world.api_key) as api:
        await caught_up(world)
        cost = (await api.get(f"/api/sessions/{world.session.session}/cost")).json()
    world.keys.destroyed.add(world.session.keyid)
    async with calling(open_service(world.settings), world.api_key) as api:
        base = f"/api/sessions/{world.session.session}"
        events = [json.loads(line) for line in (await api.get(f"{base}/events")).text.splitlines()]
        sealed = [event for event in world.session.events if event.personal]
        assert [line["personal"] for line in events if line["personal"]] == ["erased"] * len(sealed)
        timeline = (await api.get(f"{base}/timeline")).json()["data"]
        assert {item["personal"] for item in timeline if item["kind"] in ("user", "agent")} == {"erased"}
        assert (await api.get(f"{base}/handoffs")).json()["data"][0]["reason"] == "erased"
        state = (await api.get(f"{base}/state")).json()
        claimed = next(event for event in world.session.events if event.type == "session.state_digest")
        assert state["erased"] == len(sealed)
        assert state["run"]["items"][0]["text"] is None
        assert (await api.get(f"{base}/cost")).json() == cost
        assert verify_export((await api.get(f"{base}/export")).text.splitlines(), None).ok
        at = next(line["position"] for line in events if line["n"] == claimed.n - 1 and line["writer"] == "run")
        proven = (await api.get(f"{base}/state", params={"at": at})).json()["digest"]
        assert proven == json.loads(bytes(claimed.data))["digest"]
        other = (await api.get(f"/api/sessions/{world.unclosed.session}/timeline")).json()["data"]
        assert "erased" not in [item["personal"] for item in other]


def a_bad_usage(world: World) -> SessionCommit:
    """A usage event that no pricing can take, as a bug of a worker would write it."""
    session = world.unclosed
    last = [event for event in session.events if event.writer == "run"][-1]
    origin = Origin(customer=session.customer, subject=session.session, writer=Writer.RUN, source="tests/1")
    recorder = Recorder(origin=origin, clock=SystemClock(), last_n=last.n, epoch=1)
    used = usage.LlmUsed(
        provider="openai", model="gpt-4o", agent=AgentId("a"), turn=TurnId("t"), quantities={"input_tokens": -1}
    )
    subject = session_subject(session.customer, session.session, Writer.RUN)
    return SessionCommit(subject, [recorder.record(used)])


async def test_a_poison_event_parks_its_session_and_nobody_else(world: World) -> None:
    await append(world.log, [a_bad_usage(world)])
    later = a_session()
    await append(world.log, later.commits)
    world.keys.sessions = [*world.keys.sessions, later]
    async with calling(open_service(world.settings), world.api_key) as api:
        await caught_up(world)
        async with direct(world.settings.postgres_dsn) as db:
            parked = await parked_sessions(db, "ledger")
        assert [(each.projection, each.subject, each.error_code) for each in parked] == [
            ("charges", world.unclosed.session, "bad_quantity")
        ]
        healthy = (await api.get(f"/api/sessions/{later.session}/cost")).json()
        assert healthy["amount_nano"] > 0
        exported = (await api.get(f"/api/sessions/{world.unclosed.session}/export")).text.splitlines()
        assert verify_export(exported, None).ok


async def test_a_commit_that_nobody_can_read_is_in_the_record_and_in_the_export(world: World) -> None:
    subject = session_subject(world.unclosed.customer, world.unclosed.session, Writer.RUN)
    last = await world.log.last(Log.SESSIONS, subject)
    assert last is not None
    await world.log.append_bytes(Log.SESSIONS, subject, b"\x00 no JSON", message_id="odd", expected=last.sequence)
    async with calling(open_service(world.settings), world.api_key) as api:
        await caught_up(world)
        base = f"/api/sessions/{world.unclosed.session}"
        lines = [json.loads(line) for line in (await api.get(f"{base}/events")).text.splitlines()]
        assert lines[-1]["unreadable"] is True
        verdict = verify_export((await api.get(f"{base}/export")).text.splitlines(), None)
        assert [problem.split(" ", 2)[2] for problem in verdict.problems] == ["holds no events"]
        state = await api.get(f"{base}/state")
        assert (state.status_code, state.json()["code"]) == (409, "session_unreadable")


async def test_a_ledger_that_was_away_catches_up_without_a_gap(world: World) -> None:
    script = a_session()
    world.keys.sessions = [*world.keys.sessions, script]
    half = len(script.commits) // 2
    await append(world.log, script.commits[:half])
    async with calling(open_service(world.settings), world.api_key):
        await caught_up(world)
    position = await append(world.log, script.commits[half:])
    async with calling(open_service(world.settings), world.api_key) as api:
        query: dict[str, Any] = {"min_position": position.encode()}
        state = (await api.get(f"/api/sessions/{script.session}/state", params=query)).json()
        assert state["run"] == json.loads(msgspec.json.encode(script.state.run))
        exported = (await api.get(f"/api/sessions/{script.session}/export", params=query)).text.splitlines()
        assert verify_export(exported, None).count == len(script.commits)


async def test_a_nul_in_an_open_field_parks_nobody(world: World) -> None:
    session = world.unclosed
    last = [event for event in session.events if event.writer == "run"][-1]
    origin = Origin(customer=session.customer, subject=session.session, writer=Writer.RUN, source="tests/1")
    recorder = Recorder(origin=origin, clock=SystemClock(), last_n=last.n, epoch=1)
    rejected = recorder.record(PanelRejected(panel="no\x00panel", why="unknown_panel"))
    subject = session_subject(session.customer, session.session, Writer.RUN)
    await append(world.log, [SessionCommit(subject, [rejected])])
    async with calling(open_service(world.settings), world.api_key) as api:
        await caught_up(world)
        items = (await api.get(f"/api/sessions/{session.session}/timeline")).json()["data"]
        assert items[-1]["ref"] == "no\ufffdpanel"
