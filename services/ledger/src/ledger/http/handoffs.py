"""/api/sessions/{id}/handoffs"""

from typing import Any, Literal

import msgspec
from litestar import get

from chassis.http.app import Caller, PathId
from chassis.http.parameters import PositionText
from ledger.http.asking import READING, FindSessions, Opening, ReadModels
from ledger.opening import Opener
from ledger.read_models.handoffs import Handoffs, Row, handoffs_of
from ledger.sessions import FoundSession, Sessions


class HandoffAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer: `ms` from the transfer tool's return to the next agent's `on_enter`.

    `reason` (the model's) and `summary` (for the next agent) are opened, or the word `erased`.
    """

    position: str
    call_id: str
    from_agent: str
    to_agent: str
    outcome: Literal["requested", "completed", "refused"]
    policy: str
    why: str
    ms: int | None
    requested_at: str
    settled_at: str
    reason: Any = None
    summary: Any = None


class HandoffList(msgspec.Struct, frozen=True, kw_only=True):
    """All transfers of a session."""

    session: str
    data: list[HandoffAnswer]
    next_cursor: str | None = None


@get("/api/sessions/{session_id:str}/handoffs", opt=READING)
async def get_handoffs(
    session_id: PathId,
    principal: Caller,
    sessions: FindSessions,
    opener: Opening,
    pool: ReadModels,
    min_position: PositionText = None,
) -> HandoffList:
    """Who handed the conversation to whom, in the order in which they were asked for."""
    found = await sessions.find(principal, session_id, min_position=min_position, read_model=Handoffs.name)
    rows = await handoffs_of(pool, customer=found.customer, session=found.session)
    return HandoffList(session=found.session, data=[await _answer(found, row, sessions, opener) for row in rows])


async def _answer(found: FoundSession, row: Row, sessions: Sessions, opener: Opener) -> HandoffAnswer:
    transfer = row.transfer
    return HandoffAnswer(
        position=(await sessions.position(found, row.sequence, row.index)).encode(),
        call_id=transfer.call_id,
        from_agent=transfer.from_agent,
        to_agent=transfer.to_agent,
        outcome=transfer.outcome,
        policy=transfer.policy,
        why=transfer.why,
        ms=transfer.ms,
        requested_at=transfer.requested_at,
        settled_at=transfer.settled_at,
        reason=await opener.open_sealed(transfer.reason, found),
        summary=await opener.open_sealed(transfer.summary, found),
    )


ROUTES = [get_handoffs]
