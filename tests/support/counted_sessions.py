"""Sessions of the toy projection: writes their events to a log, reads their rows, folds them a second time."""

import random

from tests.support.event_log import ReadableLog, a_count
from tests.support.running import running
from tests.support.toy_projection import ToyCounts
from tests.support.until import until

from chassis.postgres.bookkeeping import is_bookkept, live_checkpoint
from chassis.postgres.pool import direct
from chassis.postgres.runner import ProjectionRunner
from contracts.ids import CustomerId, SessionId
from contracts.subjects import Writer, session_subject

Rows = list[tuple[object, ...]]


def run_subject(session: str) -> str:
    return session_subject(CustomerId("cus_1"), SessionId(session), Writer.RUN)


async def write(log: ReadableLog, commits: int, *, sessions: int = 7, seed: int = 1) -> None:
    """Commits of 1 to 3 events each, over some sessions; the ids are unique per (seed, session)."""
    rng = random.Random(seed)
    numbers: dict[str, int] = {}
    for _ in range(commits):
        session = f"ses_{rng.randrange(sessions)}"
        events = []
        for _ in range(rng.randint(1, 3)):
            numbers[session] = numbers.get(session, 0) + 1
            events.append(a_count(session, numbers[session] + seed * 10_000, amount=rng.randint(1, 9)))
        await log.add(run_subject(session), *events)


async def reached(dsn: str, sequence: int, *, name: str = "toy", service: str = "svc") -> None:
    """The live read model holds everything up to `sequence`."""
    async with direct(dsn, name="test") as connection:

        async def there() -> bool:
            if not await is_bookkept(connection, service):
                return False
            live = await live_checkpoint(connection, service, name)
            return live is not None and live.sequence >= sequence

        await until(there, what=f"{service}.{name} at {sequence}")


async def rows(dsn: str, *, service: str = "svc") -> Rows:
    async with direct(dsn, name="test") as connection:
        sessions = await connection.fetch(f"select * from {service}.session_count order by customer, session")
        customers = await connection.fetch(f"select * from {service}.customer_count order by customer")
    return [tuple(row) for row in [*sessions, *customers]]


async def folded_undisturbed(log: ReadableLog, dsn: str) -> Rows:
    """What the rows must be: the same log, applied by one runner in a service of its own."""
    async with running(ProjectionRunner(log=log, dsn=dsn, service="other", projection=ToyCounts()).run()):
        await reached(dsn, len(log.commits), service="other")
    return await rows(dsn, service="other")
