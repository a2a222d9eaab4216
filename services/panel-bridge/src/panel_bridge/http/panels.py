"""/api/sessions/{id}/panels: what panels hold, now and at any event."""

from typing import Any

import msgspec
from litestar import get

from chassis.errors import NotFound
from chassis.http.app import Caller, PathId
from chassis.http.parameters import PositionText
from chassis.key_ring import KeysOutOfReach
from panel_bridge.domain.panel_view import PanelView
from panel_bridge.http.asking import REFUSES, ReadModels, ShowPanels
from panel_bridge.read_models.panel_state import counts_of

ERASED = "erased"


class NoSuchPanel(NotFound):
    """No panel of this kind was ever open in the session."""

    code, title = "panel_not_found", "There is no such panel in this session"


class PanelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One panel instance. `panel` is its kind, `rev` its revision, `by` who moved it there: user, agent or api.

    `state` is its content, or the word `erased`. `counts` says, over the whole session, how often the kind was opened,
    changed and commanded (by whom), and what was refused (why).
    """

    panel: str
    instance: str
    rev: int
    open: bool
    by: str
    changed_at: str
    state: Any
    counts: dict[str, int]


class PanelList(msgspec.Struct, frozen=True, kw_only=True):
    """All panels of a session."""

    session: str
    data: list[PanelAnswer]
    next_cursor: str | None = None


@get(
    "/api/sessions/{session_id:str}/panels",
    opt={"scope": "sessions:read", "refuses": (*REFUSES, KeysOutOfReach)},
)
async def get_panels(
    session_id: PathId,
    principal: Caller,
    panels: ShowPanels,
    pool: ReadModels,
    at: PositionText = None,
    min_position: PositionText = None,
) -> PanelList:
    """Every panel of a session, as it is now, or as it was right after the event at the position `at`."""
    session = await panels.find(principal, session_id, min_position=at if min_position is None else min_position)
    views = await panels.show(principal.customer, session, at=at)
    counts = await counts_of(pool, customer=principal.customer, session=session)
    return PanelList(session=session, data=[_answer(view, counts) for view in views])


@get(
    "/api/sessions/{session_id:str}/panels/{panel:str}",
    opt={"scope": "sessions:read", "refuses": (*REFUSES, NoSuchPanel, KeysOutOfReach)},
)
async def get_panel(
    session_id: PathId,
    panel: PathId,
    principal: Caller,
    panels: ShowPanels,
    pool: ReadModels,
    at: PositionText = None,
    min_position: PositionText = None,
) -> PanelAnswer:
    """One panel: the instance that was opened last."""
    session = await panels.find(principal, session_id, min_position=at if min_position is None else min_position)
    views = await panels.show(principal.customer, session, at=at, panel=panel)
    if not views:
        raise NoSuchPanel
    return _answer(views[-1], await counts_of(pool, customer=principal.customer, session=session))


def _answer(view: PanelView, counts: dict[str, dict[str, int]]) -> PanelAnswer:
    return PanelAnswer(
        panel=view.panel,
        instance=view.instance,
        rev=view.rev,
        open=view.open,
        by=view.by,
        changed_at=view.changed_at,
        state=ERASED if view.state is None else view.state,
        counts=counts.get(view.panel, {}),
    )


ROUTES = [get_panels, get_panel]
