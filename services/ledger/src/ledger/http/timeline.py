"""/api/sessions/{id}/timeline"""

from typing import Any

import msgspec
from litestar import get

from chassis.http.app import Caller, PathId
from chassis.http.parameters import PositionText
from ledger.domain.timeline import Kind
from ledger.http.asking import READING, FindSessions, Limit, Opening, ReadModels
from ledger.opening import Opener
from ledger.read_models.session_history import Line, SessionHistory, history_of
from ledger.sessions import FoundSession, Sessions


class TimelineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of history.

    `kind` says who or what: `user` and `agent` spoke, `handoff`, `tool`, `panel` (its revisions), `session` (its
    life), `context`. `type` is the event's, `details` its open part: for an agent's words `latency` in milliseconds
    per stage, for a tool `outcome` and `ms`, for a panel `rev`. `personal` and `result` (of a tool) are opened, or
    the word `erased`; `late` is what was heard but is not part of what the session remembers.
    """

    position: str
    time: str
    kind: Kind
    type: str
    event: str
    writer: str
    epoch: int
    ref: str
    agent: str
    turn: str
    late: bool
    details: dict[str, Any]
    personal: Any = None
    result: Any = None


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """A page of history; `next_cursor` is null on the last."""

    session: str
    data: list[TimelineItem]
    next_cursor: str | None = None


@get("/api/sessions/{session_id:str}/timeline", opt=READING)
async def get_timeline(
    session_id: PathId,
    principal: Caller,
    sessions: FindSessions,
    opener: Opening,
    pool: ReadModels,
    min_position: PositionText = None,
    cursor: PositionText = None,
    limit: Limit = 1000,
) -> Timeline:
    """What happened in a session, in the order of the log."""
    found = await sessions.find(principal, session_id, min_position=min_position, read_model=SessionHistory.name)
    after = await sessions.place(found, cursor, name="cursor")
    lines = await history_of(
        pool,
        customer=found.customer,
        session=found.session,
        after=after.order if after else (0, 0),
        limit=limit + 1,
    )
    items = [await _item(found, line, sessions, opener) for line in lines[:limit]]
    more = len(lines) > limit
    return Timeline(session=found.session, data=items, next_cursor=items[-1].position if more else None)


async def _item(found: FoundSession, line: Line, sessions: Sessions, opener: Opener) -> TimelineItem:
    item = line.item
    position = await sessions.position(found, line.sequence, line.index)
    return TimelineItem(
        position=position.encode(),
        time=item.time,
        kind=item.kind,
        type=item.type,
        event=item.event,
        writer=item.writer,
        epoch=item.epoch,
        ref=item.ref,
        agent=item.agent,
        turn=item.turn,
        late=item.late,
        details=item.details,
        personal=await opener.open_sealed(item.personal, found),
        result=await opener.open_sealed(item.result, found),
    )


ROUTES = [get_timeline]
