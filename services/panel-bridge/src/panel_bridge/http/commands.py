"""/api/sessions/{id}/panels/{panel}/commands: a command to a panel on the participant's screen."""

import hashlib
from typing import Annotated

import msgspec
from litestar import post
from litestar.params import JSONBody

from chassis.http.app import Caller, PathId
from chassis.http.parameters import PositionText
from chassis.ids import new_id
from chassis.recording import current_traceparent
from contracts.commands.live import CommandPanel, LiveRequest
from contracts.ids import PanelId, SessionId
from contracts.panels import registry
from panel_bridge.adapters.live_sessions import NoLiveJob, NoTimelyAnswer, PanelCommandRefused, PanelCommandWrong, raw
from panel_bridge.domain.commanding import BadAction, BadArguments, check_command
from panel_bridge.http.asking import REFUSES, IdempotencyKey, Live, ShowPanels


class PanelCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`action` is one of the kind's commands, or `open` or `close`. `base_rev`: what the asker last saw.

    With `base_rev`, a panel that has moved on refuses with STALE_REV.
    """

    action: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    args: dict[str, object] = {}
    base_rev: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] | None = None


class Commanded(msgspec.Struct, frozen=True, kw_only=True):
    """`rev` is the panel's revision after the command; `op_id` names the command in the session's events."""

    panel: str
    op_id: str
    rev: int | None


_FROM_THE_JOB = (PanelCommandRefused, PanelCommandWrong)


@post(
    "/api/sessions/{session_id:str}/panels/{panel:str}/commands",
    opt={
        "scope": "panels:write",
        "refuses": (*REFUSES, BadAction, BadArguments, NoLiveJob, NoTimelyAnswer, *_FROM_THE_JOB),
    },
    status_code=200,
)
async def command_panel(
    session_id: PathId,
    panel: PathId,
    data: JSONBody[PanelCommand],
    principal: Caller,
    panels: ShowPanels,
    live: Live,
    idempotency_key: IdempotencyKey = None,
    min_position: PositionText = None,
) -> Commanded:
    """Have the live job give a command to the panel in the participant's browser, and wait for its revision.

    Sent twice with one Idempotency-Key it acts once. 409 `no_live_job` where nobody serves the session.
    """
    session = await panels.find(principal, session_id, min_position=min_position)
    check_command(registry.builtin().get(panel), data.action, data.args)
    command = CommandPanel(
        op_id=op_id(session, panel, idempotency_key),
        panel=PanelId(panel),
        action=data.action,
        args=raw(data.args),
        base_rev=data.base_rev,
    )
    request = LiveRequest(
        customer=principal.customer,
        actor=principal.actor,
        traceparent=current_traceparent(),
        command=command,
    )
    done = await live.command(session, request)
    return Commanded(panel=panel, op_id=command.op_id, rev=done.rev)


def op_id(session: SessionId, panel: str, idempotency_key: str | None) -> str:
    """The command's id: the same for one idempotency key on one panel, else a new one."""
    if idempotency_key is None:
        return new_id("op")
    digest = hashlib.sha256("\n".join((session, panel, idempotency_key)).encode()).hexdigest()
    return f"op_{digest[:32]}"


ROUTES = [command_panel]
