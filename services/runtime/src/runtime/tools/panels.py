"""The tools by which a model works with panels, generated from their kinds. Reading never leaves the process."""

from collections.abc import Sequence

from chassis.ids import new_id
from contracts.ids import PanelId
from contracts.panels.kind import PanelKind
from contracts.panels.refusals import PanelRefused
from contracts.panels.tools import PANEL_ARGUMENT, PanelAction, PanelTool, command_of, reading, tools_of
from runtime.domain.panel_decisions import Command, Settled
from runtime.panel_desk import PanelDesk
from runtime.tools.execution import Call, Outcome, Tool, ToolRefused


def panel_tools(kinds: Sequence[PanelKind], desk: PanelDesk) -> list[Tool]:
    """All tools for the panels that an agent may use."""
    return [_tool(spec, desk) for spec in tools_of(kinds)]


def _tool(spec: PanelTool, desk: PanelDesk) -> Tool:
    async def run(call: Call) -> Outcome:
        panel = PanelId(spec.kind or str(call.arguments[PANEL_ARGUMENT]))
        try:
            if spec.action is PanelAction.READ:
                return Outcome(result=reading(spec, desk.board.state(panel)))
            return _answer(await desk.command(panel, lambda: _command(spec, desk, panel, call)))
        except PanelRefused as refused:
            raise ToolRefused(refused.code.name, refused.message) from refused

    return Tool(
        name=spec.name,
        description=spec.description,
        parameters=spec.parameters,
        run=run,
        side_effects=spec.action is not PanelAction.READ,
    )


def _command(spec: PanelTool, desk: PanelDesk, panel: PanelId, call: Call) -> Command:
    board, op_id = desk.board, new_id("op")
    match spec.action:
        case PanelAction.OPEN:
            return board.open(panel, call.arguments, op_id=op_id, by="agent", call_id=call.id)
        case PanelAction.CLOSE:
            return board.close(panel, op_id=op_id, by="agent", call_id=call.id)
        case _:
            action, arguments = command_of(board.kind(panel), spec, call.arguments)
            return board.control(panel, action, arguments, op_id=op_id, by="agent", call_id=call.id)


def _answer(settled: Settled) -> Outcome:
    """A refusal that carries the state is an answer, not an error: the model reads it and tries again."""
    if settled.ok:
        return Outcome(result={"ok": True, "rev": settled.rev})
    assert settled.error is not None
    if settled.state is None:
        raise ToolRefused(settled.error.code.name, settled.error.message)
    error = {"code": settled.error.code.name, "message": settled.error.message}
    return Outcome(result={"ok": False, "rev": settled.rev, "error": error, "state": settled.state})
