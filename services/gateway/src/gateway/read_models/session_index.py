"""One row per session: which are open, when and how the others ended, and by what a customer finds its own; and one
for each pair of a session's metadata, as a keyed hash.

Every gateway starts from it: what is open now, and from which sequence on the log must be followed. What is personal
is kept as it was sealed (`sealed`, with the id of its event), and opened at the edge alone.
"""

from datetime import UTC, datetime

import msgspec

from chassis.event_log import Recorded
from chassis.postgres.bookkeeping import live_checkpoint
from chassis.postgres.pool import Pool
from chassis.projection import Db
from contracts.envelope import Envelope, parse_time
from contracts.events import session
from contracts.ids import CustomerId, SessionId
from contracts.registry import EventData, decode_data
from contracts.subjects import Log

SERVICE = "gateway"

_COLUMNS = (
    "customer", "session", "template_id", "version", "status", "epoch", "claimed_epoch", "job_id",
    "requested_at", "joined_at", "started_at", "ended_at", "closed_at", "end_reason", "livemode", "user_id",
    "initial_agent", "external_id", "request_event", "keyid", "sealed",
)  # fmt: skip

_UPSERT = (
    f"insert into session_index ({', '.join(_COLUMNS)})"  # noqa: S608 (names of this file)
    f" values ({', '.join(f'${number}' for number in range(1, len(_COLUMNS) + 1))})"
    " on conflict (customer, session) do update set "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[2:])
)

_ADD_PAIR = "insert into session_metadata (customer, digest, session) values ($1, $2, $3) on conflict do nothing"


class Row(msgspec.Struct, kw_only=True):
    """A row while it is folded."""

    customer: str
    session: str
    template_id: str = ""
    version: str = ""
    status: str = "waiting"
    epoch: int = 0
    claimed_epoch: int = 0
    job_id: str = ""
    requested_at: datetime | None = None
    joined_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    closed_at: datetime | None = None
    end_reason: str = ""
    livemode: bool = False
    user_id: str = ""
    initial_agent: str = ""
    external_id: str = ""
    request_event: str = ""
    keyid: str = ""
    sealed: bytes = b""


class SessionIndex:
    """The projection."""

    name = "session_index"
    log = Log.SESSIONS
    tables = """
    create table session_index (
        customer text not null,
        session text not null,
        template_id text not null,
        version text not null,
        status text not null,
        epoch int not null,
        claimed_epoch int not null,
        job_id text not null,
        requested_at timestamptz,
        joined_at timestamptz,
        started_at timestamptz,
        ended_at timestamptz,
        closed_at timestamptz,
        end_reason text not null,
        livemode boolean not null,
        user_id text not null,
        initial_agent text not null,
        external_id text not null,
        request_event text not null,
        keyid text not null,
        sealed bytea not null,
        primary key (customer, session)
    );
    create index session_index_newest on session_index (customer, requested_at desc, session desc);
    create index session_index_external on session_index (customer, external_id) where external_id <> '';
    create index session_index_open on session_index (status) where status in ('waiting', 'live', 'ended');
    -- Not an array in the session's row: behind the wall between customers no GIN index is used (ADR 27).
    create table session_metadata (
        customer text not null,
        digest text not null,
        session text not null,
        primary key (customer, digest, session)
    );
    """

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """See the port: one read and one write per batch, whatever the number of events."""
        told = [one.envelope for one in events if _tells(one.envelope)]
        if not told:
            return
        pairs: list[tuple[str, str, str]] = []
        rows = await _load(db, {(envelope.customer, SessionId(envelope.subject)) for envelope in told})
        for envelope in told:
            key = (envelope.customer, envelope.subject)
            row = rows.setdefault(key, Row(customer=envelope.customer, session=envelope.subject))
            data = decode_data(envelope)
            _evolve(row, envelope, data)
            if isinstance(data, session.SessionRequested):
                pairs += [(envelope.customer, digest, envelope.subject) for digest in data.metadata_digests]
        await db.executemany(_UPSERT, [[getattr(row, column) for column in _COLUMNS] for row in rows.values()])
        if pairs:
            await db.executemany(_ADD_PAIR, pairs)


class OpenSession(msgspec.Struct, frozen=True):
    """A session that is not closed."""

    customer: CustomerId
    session: SessionId


async def open_sessions(pool: Pool, *, incarnation: str) -> tuple[int, list[OpenSession]]:
    """(sequence of SESSIONS up to which this holds, the sessions open then).

    (0, []) before the first build, and when the index was built from another incarnation of the log.
    """
    async with pool.acquire() as db, db.transaction(isolation="repeatable_read", readonly=True):
        if await db.fetchval("select to_regclass($1)", f"{SERVICE}.checkpoint") is None:
            return 0, []
        checkpoint = await live_checkpoint(db, SERVICE, SessionIndex.name)
        if checkpoint is None or checkpoint.incarnation != incarnation:
            return 0, []
        rows = await db.fetch(
            f"select customer, session from {SERVICE}.session_index"  # noqa: S608 (a constant)
            " where status in ('waiting', 'live', 'ended')"
        )
        return checkpoint.sequence, [OpenSession(row["customer"], row["session"]) for row in rows]


def _tells(envelope: Envelope) -> bool:
    return envelope.type.startswith("session.") and envelope.writer in ("admission", "run")


async def _load(db: Db, keys: set[tuple[CustomerId, SessionId]]) -> dict[tuple[str, str], Row]:
    found = await db.fetch(
        f"select {', '.join(_COLUMNS)} from session_index"  # noqa: S608 (names of this file)
        " where (customer, session) in (select * from unnest($1::text[], $2::text[]))",
        [customer for customer, _ in keys],
        [session for _, session in keys],
    )
    return {(row["customer"], row["session"]): Row(**dict(row)) for row in found}


def _evolve(row: Row, envelope: Envelope, data: EventData) -> None:
    at = parse_time(envelope.time).astimezone(UTC)
    match data:
        case session.SessionRequested():
            row.template_id, row.version, row.requested_at = data.template_id, data.version, at
            row.user_id, row.initial_agent, row.external_id = data.user_id, data.initial_agent, data.external_id
            row.livemode = envelope.livemode
            row.request_event, row.keyid, row.sealed = envelope.id, envelope.keyid, envelope.personal
        case session.SessionRefused():
            row.status, row.end_reason, row.closed_at = "refused", data.reason, at
        case session.SessionDispatched():
            row.epoch = data.epoch
        case session.ParticipantJoined() if data.kind == "user":
            row.joined_at = row.joined_at or at
        case session.JobClaimed():
            row.claimed_epoch, row.job_id = data.epoch, data.job_id
        case session.SessionStarted():
            row.status, row.started_at = "live", row.started_at or at
        case session.SessionEnded():
            row.status, row.end_reason, row.ended_at = _after_end(row), data.reason, at
        case session.SessionFailed():
            row.status, row.end_reason, row.ended_at = _after_end(row), f"failed:{data.code}", at
        case session.SessionClosed():
            row.status, row.closed_at = "closed", at
        case _:
            pass


def _after_end(row: Row) -> str:
    return "closed" if row.status == "closed" else "ended"
