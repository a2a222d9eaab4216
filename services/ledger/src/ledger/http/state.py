"""/api/sessions/{id}/state: the session at any of its events."""

from typing import Literal

import msgspec
from asyncpg import Pool
from litestar import get

from chassis.errors import Conflict
from chassis.http.app import Caller, PathId
from chassis.http.parameters import PositionText
from contracts.envelope import InvalidCommit, decode_commit
from contracts.registry import Personal, UnknownEvent
from contracts.session_state import FOLD_VERSION, AdmissionState, RunState, SessionState, digest, evolve, fact
from ledger.http.asking import READING, FindSessions, Opening, ReadModels
from ledger.opening import Opener
from ledger.read_models.record import commits_of
from ledger.sessions import FoundSession, Sessions

_END = (2**63 - 1, 0)


class Unreadable(Conflict):
    """The session holds an event that this build cannot read; its history is in the export all the same."""

    code, title = "session_unreadable", "The session holds an event that cannot be read"


class StateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The fold of all events up to `position`: contracts.session_state, with what could be opened.

    `erased` counts personal parts that could not be: their keys are destroyed. `digest` is that of `run`.
    """

    session: str
    position: str
    events: int
    erased: int
    fold_version: int
    digest: str
    status: Literal["unknown", "refused", "waiting", "live", "ended", "closed"]
    admission: AdmissionState
    run: RunState


@get("/api/sessions/{session_id:str}/state", opt={**READING, "refuses": (*READING["refuses"], Unreadable)})
async def get_state(
    session_id: PathId,
    principal: Caller,
    sessions: FindSessions,
    opener: Opening,
    pool: ReadModels,
    at: PositionText = None,
    min_position: PositionText = None,
) -> StateAnswer:
    """The session as it was right after the event at the position `at`; without it, as it is now."""
    found = await sessions.find(principal, session_id, min_position=at if min_position is None else min_position)
    place = await sessions.place(found, at, name="at")
    return await fold_up_to(place.order if place else _END, found=found, sessions=sessions, opener=opener, pool=pool)


async def fold_up_to(
    place: tuple[int, int], *, found: FoundSession, sessions: Sessions, opener: Opener, pool: Pool
) -> StateAnswer:
    """Fold the record up to the place (sequence, index), both included; raises Unreadable."""
    state, events, erased, last = SessionState(), 0, 0, (0, 0)
    commits = commits_of(pool, customer=found.customer, session=found.session, up_to=place[0])
    try:
        async for commit in commits:
            for index, envelope in enumerate(decode_commit(commit.payload)):
                if (commit.sequence, index) > place:
                    break
                opened = await opener.open(envelope)
                personal = opened if isinstance(opened, Personal) else None
                state = evolve(state, fact(envelope, personal))
                events, erased, last = events + 1, erased + isinstance(opened, str), (commit.sequence, index)
    except (InvalidCommit, UnknownEvent, msgspec.ValidationError) as error:
        raise Unreadable(f"the event after position {last[0]}.{last[1]} cannot be read") from error
    return StateAnswer(
        session=found.session,
        position=(await sessions.position(found, *last)).encode(),
        events=events,
        erased=erased,
        fold_version=FOLD_VERSION,
        digest=digest(state.run),
        status=state.status,
        admission=state.admission,
        run=state.run,
    )


ROUTES = [get_state]
