"""The participant's Panel Manager, in Python: what the web page does with panels, without a screen.

It carries no transport: requests go in and answers come out; events are handed to `send` and kept until acknowledged.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

import msgspec

from contracts.panels.interpreter import command_patch, event_patch, initial_state, panel_hash, patched
from contracts.panels.kind import PanelKind
from contracts.panels.refusals import BadSchema, PanelRefused, StaleRev, UnknownPanel
from contracts.panels.wire import (
    DEFAULT_INSTANCE,
    REMEMBERED_OPS,
    RPC_CLOSE,
    RPC_CONTROL,
    RPC_OPEN,
    RPC_READ,
    Origin,
    PanelAck,
    PanelAnswer,
    PanelError,
    PanelEvent,
    PanelRequest,
    PanelStamp,
    PanelSync,
    PanelSyncAnswer,
)

METHODS = (RPC_OPEN, RPC_CONTROL, RPC_READ, RPC_CLOSE)


class OpenPanel(msgspec.Struct, kw_only=True):
    """A panel on the screen."""

    kind: PanelKind
    instance: str
    rev: int
    state: dict[str, object]


class PanelManager:
    """Panels by kind. `send` gets every event, also the ones sent again; it may fail, the event is kept."""

    def __init__(self, *, kinds: Mapping[str, PanelKind], send: Callable[[PanelEvent], None]) -> None:
        self._kinds, self._send = dict(kinds), send
        self._answers: OrderedDict[str, PanelAnswer] = OrderedDict()
        self._unacked: OrderedDict[int, PanelEvent] = OrderedDict()
        self._seq = self._acked = 0
        self.panels: dict[str, OpenPanel] = {}

    @property
    def unacked(self) -> int:
        """How many events the agent has not yet said to be in the log."""
        return len(self._unacked)

    def answer(self, method: str, payload: str) -> str:
        """The answer to one RPC of the agent, JSON to JSON; the same `op_id` acts once."""
        try:
            request = msgspec.json.decode(payload, type=PanelRequest)
        except msgspec.MsgspecError:
            refused = PanelError.of(BadSchema("the request is not a panel request"))
            return msgspec.json.encode(PanelAnswer(ok=False, rev=0, error=refused)).decode()
        if request.op_id not in self._answers:
            self._answers[request.op_id] = self._act(method, request)
            while len(self._answers) > REMEMBERED_OPS:
                self._answers.popitem(last=False)
        return msgspec.json.encode(self._answers[request.op_id]).decode()

    def edit(self, panel: str, event: str, data: dict[str, object]) -> PanelEvent:
        """The person does something in a panel; raises UnknownPanel when it is not open."""
        shown = self._shown(panel)
        shown.state = patched(shown.state, event_patch(shown.kind, shown.state, event, data))
        shown.rev += 1
        self._seq += 1
        made = PanelEvent(
            seq=self._seq,
            rev=shown.rev,
            panel=panel,
            instance=shown.instance,
            event=event,
            origin=Origin.USER,
            ts=time.time_ns() // 1_000_000,
            data=data,
        )
        self._unacked[made.seq] = made
        self._send(made)
        return made

    def acknowledged(self, ack: PanelAck) -> None:
        """Forget what is in the log."""
        self._acked = max(self._acked, ack.seq)
        for seq in [seq for seq in self._unacked if seq <= ack.seq]:
            del self._unacked[seq]

    def sync(self) -> PanelSync:
        """What this end holds, for an agent met again."""
        stamps = tuple(
            PanelStamp(panel=name, instance=shown.instance, rev=shown.rev, hash=panel_hash(shown.state))
            for name, shown in self.panels.items()
        )
        return PanelSync(panels=stamps, seq=self._seq, acked=self._acked)

    def synced(self, answer: PanelSyncAnswer) -> None:
        """Take over what the agent holds and this end lacks, and go on counting where the log ends.

        A panel whose state came by reference keeps what it shows: the next command to it is refused as stale, and
        answered with the state.
        """
        for held in answer.panels:
            if (kind := self._kinds.get(held.panel)) is not None and held.state is not None:
                shown = OpenPanel(kind=kind, instance=held.instance, rev=held.rev, state=held.state)
                self.panels[held.panel] = shown
        for stamp in answer.closed:
            self.panels.pop(stamp.panel, None)
        self._seq = max(self._seq, answer.seq)
        self.acknowledged(PanelAck(seq=answer.seq))

    def resend(self) -> None:
        """Send again what was never acknowledged, in order."""
        for event in self._unacked.values():
            self._send(event)

    def _act(self, method: str, request: PanelRequest) -> PanelAnswer:
        try:
            match method:
                case "baton.panel.open":
                    return self._open(request)
                case "baton.panel.control":
                    return self._control(request)
                case "baton.panel.read":
                    shown = self._shown(request.panel)
                    return PanelAnswer(ok=True, rev=shown.rev, state=shown.state)
                case _:
                    shown = self._shown(request.panel)
                    del self.panels[request.panel]
                    return PanelAnswer(ok=True, rev=shown.rev + 1)
        except StaleRev as stale:
            shown = self.panels[request.panel]
            return PanelAnswer(ok=False, rev=shown.rev, state=shown.state, error=PanelError.of(stale))
        except PanelRefused as refused:
            rev = self.panels[request.panel].rev if request.panel in self.panels else 0
            return PanelAnswer(ok=False, rev=rev, error=PanelError.of(refused))

    def _open(self, request: PanelRequest) -> PanelAnswer:
        kind = self._kinds.get(request.panel)
        if kind is None:
            raise UnknownPanel(f"there is no panel {request.panel} here")
        state = initial_state(kind, request.args)
        rev = self.panels[request.panel].rev + 1 if request.panel in self.panels else 1
        instance = request.instance or DEFAULT_INSTANCE
        self.panels[request.panel] = OpenPanel(kind=kind, instance=instance, rev=rev, state=state)
        return PanelAnswer(ok=True, rev=rev, state=state)

    def _control(self, request: PanelRequest) -> PanelAnswer:
        shown = self._shown(request.panel)
        if request.base_rev is not None and request.base_rev != shown.rev:
            raise StaleRev(f"{request.panel} is at revision {shown.rev}")
        shown.state = patched(shown.state, command_patch(shown.kind, shown.state, request.action, request.args))
        shown.rev += 1
        return PanelAnswer(ok=True, rev=shown.rev)

    def _shown(self, panel: str) -> OpenPanel:
        if panel not in self.panels:
            raise UnknownPanel(f"the panel {panel} is not open")
        return self.panels[panel]
