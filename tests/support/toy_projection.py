"""A small projection with two tables: a sum per session that is sensitive to order, and a sum per customer."""

import msgspec

from chassis.event_log import Commit, Recorded
from chassis.projection import Db
from contracts.subjects import Log

_decode = msgspec.json.Decoder(dict[str, int]).decode


class CannotCount(Exception):
    code = "cannot_count"


class ToyCounts:
    """`poison` holds ids of events that raise, as a bug in `apply` would; take them out, as a fix would."""

    name = "toy"
    log = Log.SESSIONS
    tables = """
        create table session_count (
            customer text not null, session text not null, events int not null, total bigint not null,
            chain bigint not null, last_sequence bigint not null, primary key (customer, session)
        );
        create table customer_count (customer text primary key, events int not null, total bigint not null);
    """

    def __init__(self, *, poison: set[str] | None = None) -> None:
        self.poison = poison if poison is not None else set()
        self.calls = 0

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        self.calls += 1
        chains = await self._chains(db, {(each.envelope.customer, each.envelope.subject) for each in events})
        customers: dict[str, list[int]] = {}
        for each in events:
            envelope = each.envelope
            if envelope.id in self.poison:
                raise CannotCount(envelope.id)
            amount = _decode(envelope.data)["amount"]
            row = chains[envelope.customer, envelope.subject]
            # A fold in which order shows: skip, double or swap an event and the chain is another.
            row[:] = [
                row[0] + 1,
                row[1] + amount,
                (row[2] * 31 + amount + envelope.n) % 1_000_003,
                each.position.sequence,
            ]
            total = customers.setdefault(envelope.customer, [0, 0])
            total[0] += 1
            total[1] += amount
        await db.executemany(
            "insert into session_count values ($1, $2, $3, $4, $5, $6) on conflict (customer, session) do update set"
            " events = excluded.events, total = excluded.total, chain = excluded.chain,"
            " last_sequence = excluded.last_sequence",
            [(*key, *row) for key, row in sorted(chains.items())],
        )
        await db.executemany(
            "insert into customer_count as c values ($1, $2, $3) on conflict (customer) do update set"
            " events = c.events + excluded.events, total = c.total + excluded.total",
            [(customer, *totals) for customer, totals in sorted(customers.items())],
        )

    async def _chains(self, db: Db, keys: set[tuple[str, str]]) -> dict[tuple[str, str], list[int]]:
        rows = await db.fetch(
            "select * from session_count where (customer, session) in (select * from unnest($1::text[], $2::text[]))",
            [key[0] for key in keys],
            [key[1] for key in keys],
        )
        found = {
            (row["customer"], row["session"]): [row["events"], row["total"], row["chain"], row["last_sequence"]]
            for row in rows
        }
        return {key: found.get(key, [0, 0, 0, 0]) for key in keys}


class ToyRecord:
    """A projection of stored bytes. `failures` is how many of the next calls raise."""

    name = "record"
    log = Log.SESSIONS
    tables = "create table stored (sequence bigint primary key, subject text not null, payload bytea not null);"

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures

    async def apply_commits(self, db: Db, commits: list[Commit]) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise CannotCount("the record")
        await db.executemany(
            "insert into stored values ($1, $2, $3)", [(each.sequence, each.subject, each.payload) for each in commits]
        )
