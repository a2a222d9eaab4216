"""A customer's sessions, found and in pages, from the rows of session_index. What is sealed stays sealed here."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from chassis.postgres.fetching import rows_of
from chassis.postgres.pool import Pool
from contracts.ids import CustomerId, SessionId

Status = Literal["waiting", "live", "ended", "closed", "refused"]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: the row's moment and session."""

    requested_at: datetime
    session: SessionId


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; each that is given narrows. `digests` are those of whole metadata pairs."""

    status: str | None = None
    template_id: str | None = None
    external_id: str | None = None
    digests: list[str] = []
    created_after: datetime | None = None
    created_before: datetime | None = None


class FoundRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it stands; the sealed part is that of the event `request_event`."""

    session: SessionId
    status: str
    template_id: str
    version: str
    livemode: bool
    user_id: str
    initial_agent: str
    external_id: str
    requested_at: datetime
    joined_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    closed_at: datetime | None
    end_reason: str
    request_event: str
    keyid: str
    sealed: bytes

    @property
    def place(self) -> Place:
        """What the next page comes after."""
        return Place(self.requested_at, self.session)


_COLUMNS = ", ".join(FoundRow.__struct_fields__)
_ADMITTED = f"select {_COLUMNS} from session_index where customer = $1 and requested_at is not null"  # noqa: S608
_WITH_ALL_PAIRS = (
    "session in (select m.session from session_metadata m where m.customer = $1 and m.digest = any(${0}::text[])"
    " group by m.session having count(*) = cardinality(${0}::text[]))"
)


async def sessions_of(
    pool: Pool, customer: CustomerId, search: Search, *, after: Place | None, limit: int
) -> list[FoundRow]:
    """At most `limit` sessions, newest first; of one moment, by id. Raises ReadModelsOutOfReach."""
    conditions, values = _conditions(search, after)
    query = " and ".join([_ADMITTED, *(text.format(*numbers) for text, numbers in conditions)])
    query += f" order by requested_at desc, session desc limit {int(limit)}"
    return [FoundRow(**dict(row)) for row in await rows_of(pool, customer, query, customer, *values)]


async def session_of(pool: Pool, customer: CustomerId, session: SessionId) -> FoundRow | None:
    """One session of the customer's. Raises ReadModelsOutOfReach."""
    rows = await rows_of(pool, customer, f"{_ADMITTED} and session = $2", customer, session)
    return FoundRow(**dict(rows[0])) if rows else None


def _conditions(search: Search, after: Place | None) -> tuple[list[tuple[str, list[int]]], list[Any]]:
    """Each condition with the numbers of its parameters, and the values from $2 on."""
    wanted: list[tuple[str, list[Any]]] = [
        ("status = ${}", [search.status]),
        ("template_id = ${}", [search.template_id]),
        ("external_id = ${} and external_id <> ''", [search.external_id]),
        (_WITH_ALL_PAIRS, [search.digests or None]),
        ("requested_at > ${}", [search.created_after]),
        ("requested_at < ${}", [search.created_before]),
        ("(requested_at, session) < (${}, ${})", [after.requested_at, after.session] if after else [None]),
    ]
    conditions: list[tuple[str, list[int]]] = []
    values: list[Any] = []
    for text, given in wanted:
        if given[0] is not None:
            conditions.append((text, list(range(len(values) + 2, len(values) + 2 + len(given)))))
            values += given
    return conditions, values
