"""`baton projections …` on a running Baton: a row altered by hand is found and named, and a rebuild repairs it."""

import asyncpg
import msgspec
import pytest
from tests.e2e.conftest import Demonstrated, Marked
from tests.support.stack import Ran, Stack, baton
from tests.support.until import until

from chassis.clock import SystemClock
from chassis.ids import new_id
from chassis.nats.connection import connect
from contracts.envelope import Envelope, encode_commit, format_time
from contracts.ids import CustomerId, EventId, SessionId
from contracts.subjects import Writer, session_subject

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("together")]

NAMES = {
    "session_index",
    "entity_index",
    "audit",
    "people",
    "customer_list",
    "knowledge",
    "knowledge_vectors",
    "panel_state",
    "record_sessions",
    "record_config",
    "session_history",
    "handoffs",
    "price_books",
    "charges",
    "spending",
}


def projections(stack: Stack, *arguments: str) -> Ran:
    return baton("projections", *arguments, "--data", str(stack.data))


async def execute(stack: Stack, statement: str, *values: object) -> str:
    db = await asyncpg.connect(stack.ready.postgres_dsn, timeout=10)
    try:
        return await db.execute(statement, *values)
    finally:
        await db.close(timeout=5)


def test_all_read_models_are_listed_with_their_owner_and_lag(together: Stack, marked: Marked) -> None:
    listed = projections(together, "list")
    assert listed.status == 0, listed.err
    assert {line.split()[1] for line in listed.out.splitlines()} == NAMES
    assert "nobody runs it" not in listed.out
    lags = dict(line.split() for line in projections(together, "lag").out.splitlines())
    assert lags == dict.fromkeys(NAMES, "0")


def test_untouched_read_models_equal_a_rebuild(together: Stack, marked: Marked) -> None:
    checked = projections(together, "check")
    assert checked.status == 0, checked.out
    assert {line.split()[0] for line in checked.out.splitlines()} == NAMES
    assert all(line.endswith(" equal") for line in checked.out.splitlines())


async def test_a_row_altered_by_hand_is_named_and_a_rebuild_repairs_it(
    together: Stack, demonstrated: Demonstrated
) -> None:
    session = demonstrated.evidence["session"]
    altered = await execute(
        together, "update ledger.handoff set transfer = jsonb_set(transfer, '{ms}', '1') where session = $1", session
    )
    assert altered == "UPDATE 1"
    checked = projections(together, "check", "handoffs")
    assert checked.status == 1
    assert "1 rows differ" in checked.out
    (line,) = [line for line in checked.out.splitlines() if line.startswith("  ")]
    assert "handoffs.handoff" in line
    assert f"session={session}" in line
    assert line.endswith("in transfer")
    rebuilt = projections(together, "rebuild", "handoffs")
    assert rebuilt.status == 0, rebuilt.err
    assert rebuilt.out.startswith("handoffs")
    assert projections(together, "check", "handoffs").status == 0


async def test_a_row_removed_and_a_row_invented_are_named_too(together: Stack, demonstrated: Demonstrated) -> None:
    session = demonstrated.evidence["session"]
    copied = await execute(
        together,
        "insert into ledger.handoff select customer, session, 'invented', sequence, index, transfer"
        " from ledger.handoff where session = $1",
        session,
    )
    removed = await execute(
        together, "delete from ledger.handoff where session = $1 and call_id != 'invented'", session
    )
    assert (copied, removed) == ("INSERT 0 1", "DELETE 1")
    checked = projections(together, "check", "handoffs")
    assert checked.status == 1
    assert "call_id=invented" in checked.out
    assert "2 rows differ" in checked.out
    assert projections(together, "rebuild", "handoffs").status == 0
    assert projections(together, "check", "handoffs").status == 0


async def test_a_session_that_cannot_be_applied_is_parked_and_replay_says_why(together: Stack) -> None:
    """Runs last here: the log keeps what cannot be read."""
    assert projections(together, "parked").out == ""
    session = SessionId(new_id("ses"))
    await append_unreadable(together, session)

    async def parked() -> bool:
        return session in projections(together, "parked").out

    await until(parked, what="the session is parked", timeout_s=30)
    replayed = projections(together, "replay", "handoffs")
    assert replayed.status == 1
    assert session in replayed.out
    checked = projections(together, "check")
    assert checked.status == 0, checked.out


async def append_unreadable(stack: Stack, session: SessionId) -> None:
    """An event of a known type whose data are not those of the type."""
    customer = CustomerId("demo")
    event = Envelope(
        id=EventId(new_id("evt")),
        type="handoff.completed",
        v=1,
        time=format_time(SystemClock().now()),
        customer=customer,
        subject=session,
        writer=Writer.RUN,
        n=1,
        data=msgspec.Raw(b'{"ms":"soon"}'),
    )
    async with connect(stack.ready.nats_url, name="test") as client:
        subject = session_subject(customer, session, Writer.RUN)
        await client.jetstream().publish(subject, encode_commit([event]), timeout=5)
