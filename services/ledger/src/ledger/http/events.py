"""/api/sessions/{id}/events: every event as NDJSON, personal parts opened."""

from collections.abc import AsyncIterator

import msgspec
from asyncpg import Pool
from litestar import get
from litestar.response import Stream

from chassis.http.app import Caller, PathId
from chassis.http.parameters import PositionText
from contracts.envelope import Envelope, InvalidCommit, decode_commit
from contracts.opened_event import OpenedEvent, opened_event
from ledger.domain.chain import RecordedCommit
from ledger.http.asking import READING, FindSessions, Opening, ReadModels
from ledger.opening import Opener
from ledger.read_models.record import commits_of
from ledger.sessions import FoundSession, Sessions

NDJSON = "application/x-ndjson"


class UnreadableLine(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that is in the record and does not decode; its bytes are in the export."""

    position: str
    unreadable: bool = True


@get("/api/sessions/{session_id:str}/events", opt=READING, media_type=NDJSON)
async def get_events(
    session_id: PathId,
    principal: Caller,
    sessions: FindSessions,
    opener: Opening,
    pool: ReadModels,
    min_position: PositionText = None,
    after: PositionText = None,
) -> Stream:
    """All events of all writers of a session in the order of the log, one JSON object a line."""
    found = await sessions.find(principal, session_id, min_position=min_position)
    place = await sessions.place(found, after, name="after")
    lines = _lines(found, place.order if place else (0, 0), pool=pool, sessions=sessions, opener=opener)
    return Stream(lines, media_type=NDJSON)


async def _lines(
    found: FoundSession, after: tuple[int, int], *, pool: Pool, sessions: Sessions, opener: Opener
) -> AsyncIterator[bytes]:
    # From the commit of `after` on, since that commit may hold later events.
    commits = commits_of(pool, customer=found.customer, session=found.session, after=after[0] - 1)
    async for commit in commits:
        for index, envelope in enumerate(_envelopes(commit)):
            if (commit.sequence, index) > after or after == (0, 0):
                position = (await sessions.position(found, commit.sequence, index)).encode()
                yield msgspec.json.encode(await _line(position, envelope, opener)) + b"\n"


def _envelopes(commit: RecordedCommit) -> list[Envelope] | list[None]:
    try:
        return decode_commit(commit.payload)
    except InvalidCommit:
        return [None]


async def _line(position: str, envelope: Envelope | None, opener: Opener) -> OpenedEvent | UnreadableLine:
    if envelope is None:
        return UnreadableLine(position=position)
    return opened_event(envelope, position=position, personal=await opener.open(envelope))


ROUTES = [get_events]
