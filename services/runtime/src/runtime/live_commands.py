"""Commands to the session from outside, over NATS: for its own customer only, and only while it lives."""

from collections.abc import Callable
from typing import get_args

import msgspec

from contracts.commands.live import CommandPanel, End, LiveAnswer, LiveDone, LiveRefused, LiveRequest, Say
from contracts.events.session import EndReason
from contracts.ids import CustomerId
from contracts.panels.refusals import BadSchema, PanelRefused
from runtime.domain.panel_decisions import Command
from runtime.domain.panels import PanelBoard
from runtime.panel_desk import PanelDesk


class LiveCommands:
    """Carries out what the gateway and the panel-bridge pass on."""

    def __init__(
        self,
        *,
        customer: CustomerId,
        desk: PanelDesk,
        over: Callable[[], bool],
        say: Callable[[str], object],
        end: Callable[[EndReason], None],
    ) -> None:
        self._customer, self._desk, self._over, self._say, self._end = customer, desk, over, say, end

    async def answer(self, request: LiveRequest) -> LiveAnswer:
        """One command; a rule that says no is an answer, too."""
        if request.customer != self._customer:
            return LiveRefused(code="not_allowed", message="this session belongs to another customer")
        if self._over():
            return LiveRefused(code="session_over", message="the session is ending or has ended")
        match request.command:
            case Say(text=text):
                self._say(text)
                return LiveDone()
            case End(reason=reason):
                self._end(_known(reason))
                return LiveDone()
            case CommandPanel() as command:
                return await self._command_panel(command)

    async def _command_panel(self, command: CommandPanel) -> LiveAnswer:
        board = self._desk.board
        try:
            settled = board.settled(command.op_id)
            if settled is None:
                settled = await self._desk.command(command.panel, lambda: _build(board, command))
        except PanelRefused as refused:
            return _refused(refused)
        return _refused(settled.error) if settled.error is not None else LiveDone(rev=settled.rev)


def _build(board: PanelBoard, command: CommandPanel) -> Command:
    """`open`, `close`, or one of the kind's commands. Raises PanelRefused."""
    try:
        args = msgspec.json.decode(command.args, type=dict[str, object])
    except msgspec.MsgspecError:
        raise BadSchema("args must be an object") from None
    if command.action == "open":
        return board.open(command.panel, args, op_id=command.op_id, by="api")
    if command.action == "close":
        return board.close(command.panel, op_id=command.op_id, by="api")
    return board.control(command.panel, command.action, args, op_id=command.op_id, by="api", base_rev=command.base_rev)


def _refused(refused: PanelRefused) -> LiveRefused:
    return LiveRefused(code=refused.code.name.lower(), message=refused.message)


def _known(reason: str) -> EndReason:
    return next((known for known in get_args(EndReason) if known == reason), "operator_ended")
