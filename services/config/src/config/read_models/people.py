"""One row per member and invitation, for lists. What people are called stays sealed, and is opened at the edge."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from chassis.event_log import Recorded
from chassis.postgres.fetching import all_rows, rows_of
from chassis.postgres.pool import Pool
from chassis.projection import Db
from config.read_models.entity_index import SERVICE
from contracts.envelope import Envelope, parse_time
from contracts.events import invitation, member
from contracts.ids import CustomerId
from contracts.registry import EventData, decode_data
from contracts.sealed import Sealed, sealed_part
from contracts.subjects import Log

Kind = Literal["member", "invitation"]
State = Literal["present", "removed", "open", "accepted", "revoked"]

_COLUMNS = (
    *("customer", "kind", "id", "role", "state", "address", "seal", "has_password", "has_identity", "member"),
    *("expires_at", "created_at", "updated_at"),
)
_LISTED = ", ".join(_COLUMNS)
_UPSERT = (
    f"insert into person_index ({_LISTED})"  # noqa: S608 (names of this file)
    f" values ({', '.join(f'${number}' for number in range(1, len(_COLUMNS) + 1))})"
    " on conflict (customer, kind, id) do update set "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[3:])
)


class Row(msgspec.Struct, kw_only=True):
    """A row while it is folded. `seal` is the MessagePack of a `Sealed`; `member` is whom an invitation made."""

    customer: str
    kind: Kind
    id: str
    created_at: datetime
    updated_at: datetime
    role: str = ""
    state: State = "present"
    address: str = ""
    seal: bytes = b""
    has_password: bool = False
    has_identity: bool = False
    member: str = ""
    expires_at: datetime | None = None

    @property
    def sealed(self) -> Envelope | None:
        """What a key opens; None where nothing was ever sealed."""
        if not self.seal:
            return None
        seal = msgspec.msgpack.decode(self.seal, type=Sealed)
        return seal.envelope(customer=CustomerId(self.customer), session=self.customer)


class People:
    """The projection."""

    name = "people"
    log = Log.CONFIG
    tables = """
    create table person_index (
        customer text not null,
        kind text not null,
        id text not null,
        role text not null,
        state text not null,
        address text not null,
        seal bytea not null,
        has_password bool not null,
        has_identity bool not null,
        member text not null,
        expires_at timestamptz,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        primary key (customer, kind, id)
    );
    create index person_index_invited on person_index (address) where kind = 'invitation' and state = 'open';
    """

    async def apply(self, db: Db, events: list[Recorded]) -> None:
        """See the port: one read and one write per batch, whatever the number of events."""
        told = [(one.envelope, decode_data(one.envelope)) for one in events if _is_ours(one.envelope)]
        if not told:
            return
        rows = await _load(db, {_key(envelope, data) for envelope, data in told})
        for envelope, data in told:
            at = parse_time(envelope.time).astimezone(UTC)
            customer, kind, id = key = _key(envelope, data)
            row = rows.setdefault(key, Row(customer=customer, kind=kind, id=id, created_at=at, updated_at=at))
            row.updated_at = at
            _evolve(row, envelope, data)
        await db.executemany(_UPSERT, [[getattr(row, column) for column in _COLUMNS] for row in rows.values()])


async def people_of(
    pool: Pool, customer: CustomerId, kind: Kind, *, all_states: bool, after: str, limit: int
) -> list[Row]:
    """A customer's members or invitations by id, those after the id `after`; those that are over only if asked for."""
    found = await rows_of(
        pool,
        customer,
        f"select {_LISTED} from {SERVICE}.person_index"  # noqa: S608 (names of this file)
        " where customer = $1 and kind = $2 and id collate \"C\" > $3 and ($4 or state in ('present', 'open'))"
        ' order by id collate "C" limit $5',
        *(customer, kind, after, all_states, limit),
    )
    return [Row(**dict(row)) for row in found]


async def person_of(pool: Pool, customer: CustomerId, kind: Kind, id: str) -> Row | None:
    """One member or invitation."""
    found = await rows_of(
        pool,
        customer,
        f"select {_LISTED} from {SERVICE}.person_index"  # noqa: S608 (names of this file)
        " where customer = $1 and kind = $2 and id = $3",
        *(customer, kind, id),
    )
    return Row(**dict(found[0])) if found else None


async def invited(pool: Pool, address: str, now: datetime) -> Row | None:
    """The newest open invitation of an address, whichever customer's."""
    found = await all_rows(
        pool,
        f"select {_LISTED} from {SERVICE}.person_index"  # noqa: S608 (names of this file)
        " where kind = 'invitation' and state = 'open' and address = $1 and expires_at > $2"
        " order by created_at desc, id desc limit 1",
        *(address, now),
    )
    return Row(**dict(found[0])) if found else None


def _is_ours(envelope: Envelope) -> bool:
    return envelope.type.partition(".")[0] in ("member", "invitation")


def _key(envelope: Envelope, data: EventData) -> tuple[str, Kind, str]:
    if isinstance(data, member.MemberEvent):
        return (envelope.customer, "member", data.member)
    assert isinstance(data, invitation.InvitationEvent)
    return (envelope.customer, "invitation", data.invitation)


async def _load(db: Db, keys: set[tuple[str, Kind, str]]) -> dict[tuple[str, Kind, str], Row]:
    found = await db.fetch(
        f"select {_LISTED} from person_index"  # noqa: S608 (names of this file)
        " where (customer, kind, id) in (select * from unnest($1::text[], $2::text[], $3::text[]))",
        *([key[place] for key in sorted(keys)] for place in range(3)),
    )
    return {(row["customer"], row["kind"], row["id"]): Row(**dict(row)) for row in found}


def _evolve(row: Row, envelope: Envelope, data: EventData) -> None:
    match data:
        case member.MemberJoined():
            row.role, row.address, row.seal = data.role, data.address, _seal(envelope)
            row.has_identity, row.has_password = bool(data.identity), not data.identity
        case member.MemberRoleChanged():
            row.role = data.role
        case member.MemberPasswordChanged():
            row.has_password = not data.removed
        case member.MemberIdentityLinked():
            row.has_identity = True
        case member.MemberRemoved():
            row.state = "removed"
        case member.MemberErased():
            row.seal = b""
        case invitation.InvitationCreated():
            row.role, row.address, row.state, row.seal = data.role, data.address, "open", _seal(envelope)
            row.expires_at = parse_time(data.expires_at).astimezone(UTC)
        case invitation.InvitationAccepted():
            row.state, row.member = "accepted", data.member
        case invitation.InvitationRevoked():
            row.state = "revoked"
        case _:
            pass


def _seal(envelope: Envelope) -> bytes:
    part = sealed_part(envelope)
    return msgspec.msgpack.encode(part) if part else b""
