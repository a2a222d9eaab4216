"""The agent's end of the panel protocol, sans I/O: messages in, decisions out.

A `PanelBoard` holds the panels of one session as the agent knows them. The browser gives revisions, to commands and to
events alike; events come by data or by stream and answers by RPC, so they can overtake one another. Two rules put them
in order again: events are taken strictly by `seq`, and an event that is ahead of the panel's revision waits while a
command to that panel is under way, since the command's answer is what it waits for.

What to record comes back as `Fact`s; who executes a decision appends them, in order. Nothing here validates JSON
Schema by itself: the validator is passed in.
"""

from collections.abc import Mapping

import msgspec

from contracts.events import panel as events
from contracts.ids import PanelId
from contracts.panels import wire
from contracts.panels.interpreter import command_patch, panel_hash, patched
from contracts.panels.kind import PanelKind
from contracts.panels.refusals import PanelRefused, UnknownPanel
from contracts.session_state import Panel, RunState
from runtime.domain.panel_decisions import Action, BadEvent, By, Command, Fact, Received, Rejected, Settled
from runtime.domain.panel_rules import PanelRules, State, Validate

CLOSED_EVENT = "closed"
"""The browser's event when the participant closes a panel; every kind has it."""
MAX_HELD = wire.MAX_UNACKED_EVENTS
REMEMBERED_OPS = wire.REMEMBERED_OPS


class PanelBoard:
    """All panels of one session, at the agent's end."""

    def __init__(self, *, kinds: Mapping[PanelId, PanelKind], validate: Validate) -> None:
        self._rules = PanelRules(kinds=kinds, validate=validate)
        self._panels: dict[PanelId, Panel] = {}
        self._seen: dict[PanelId, int] = {}
        self._seq = 0
        self._held: dict[int, wire.PanelEvent | BadEvent] = {}
        self._busy: set[PanelId] = set()
        self._done: dict[str, Settled] = {}

    @property
    def seq(self) -> int:
        """The last of the browser's events that was taken."""
        return self._seq

    @property
    def panels(self) -> dict[PanelId, Panel]:
        """As known now; the agent's tools read from here."""
        return dict(self._panels)

    def kind(self, panel: PanelId) -> PanelKind:
        """Raises UnknownPanel."""
        return self._rules.kind(panel)

    def restore(self, run: RunState) -> None:
        """Go on from what the log says."""
        self._panels = {name: panel for name, panel in run.panels.items() if name in self._rules}
        self._seq = run.panel_seq

    def state(self, panel: PanelId) -> State:
        """What an open panel holds, marked as seen by the agent. Raises UnknownPanel."""
        known = self._open(panel)
        self._seen[panel] = known.rev
        return dict(known.state or {})

    # Events of the browser

    def receive(self, event: wire.PanelEvent | BadEvent) -> Received:
        """One event from the session's own participant: applied, held back, rejected, or known already."""
        if event.seq > self._seq and len(self._held) < MAX_HELD:
            self._held.setdefault(event.seq, event)
        return self._release()

    def _release(self) -> Received:
        facts: list[Fact] = []
        resync: list[PanelId] = []
        while (event := self._held.get(self._seq + 1)) is not None:
            if isinstance(event, wire.PanelEvent) and self._must_wait(event):
                break
            del self._held[event.seq]
            self._seq = event.seq
            facts.append(self._take(event, resync))
        return Received(facts=tuple(facts), resync=tuple(dict.fromkeys(resync)))

    def _must_wait(self, event: wire.PanelEvent) -> bool:
        panel = PanelId(event.panel)
        known = self._panels.get(panel)
        behind = known is None or not known.open or event.rev > known.rev + 1
        return panel in self._busy and behind

    def _take(self, event: wire.PanelEvent | BadEvent, resync: list[PanelId]) -> Fact:
        if isinstance(event, BadEvent):
            return Fact(events.PanelRejected(panel=event.panel, why=event.why, seq=event.seq))
        try:
            return self._apply(event, resync)
        except Rejected as rejected:
            return Fact(events.PanelRejected(panel=event.panel, why=rejected.why, seq=event.seq))

    def _apply(self, event: wire.PanelEvent, resync: list[PanelId]) -> Fact:
        panel = PanelId(event.panel)
        if panel not in self._rules:
            raise Rejected("unknown_panel")
        kind, known = self._rules.kind(panel), self._panels.get(panel)
        if known is None or not known.open or known.instance != event.instance:
            raise Rejected("not_open")
        if event.rev <= known.rev:
            raise Rejected("stale_rev")
        if event.event == CLOSED_EVENT and CLOSED_EVENT not in kind.events:
            self._panels[panel] = msgspec.structs.replace(known, open=False, rev=event.rev)
            return Fact(
                events.PanelClosed(panel=panel, instance=event.instance, rev=event.rev, by="user", seq=event.seq)
            )
        if event.rev > known.rev + 1:
            resync.append(panel)
        patch = self._rules.reported(kind, known.state or {}, event)
        self._panels[panel] = msgspec.structs.replace(known, rev=event.rev, state=patched(known.state or {}, patch))
        changed = events.PanelChanged(
            panel=panel,
            instance=event.instance,
            rev=event.rev,
            event=event.event,
            origin="agent" if event.origin is wire.Origin.AGENT else "user",
            seq=event.seq,
        )
        return Fact(changed, events.PanelPatch(patch=_raw(patch)))

    # Commands of the agent, or of the API

    def settled(self, op_id: str) -> Settled | None:
        """How a command ended that was given before, so that giving it twice acts once."""
        return self._done.get(op_id)

    def open(self, panel: PanelId, args: Mapping[str, object], *, op_id: str, by: By, call_id: str = "") -> Command:
        """Raises UnknownPanel, BadSchema, TooLarge."""
        self._rules.opened(panel, args)
        return self._command("open", panel, "open", args, op_id=op_id, base_rev=None, by=by, call_id=call_id)

    def control(
        self,
        panel: PanelId,
        action: str,
        args: Mapping[str, object],
        *,
        op_id: str,
        by: By,
        base_rev: int | None = None,
        call_id: str = "",
    ) -> Command:
        """`base_rev`: what the asker last saw; an agent's is known here.

        Raises UnknownPanel, UnknownAction, BadSchema, TooLarge.
        """
        self._rules.commanded(panel, self._open(panel).state or {}, action, args)
        base = self._seen.get(panel) if by == "agent" and base_rev is None else base_rev
        return self._command("control", panel, action, args, op_id=op_id, base_rev=base, by=by, call_id=call_id)

    def close(self, panel: PanelId, *, op_id: str, by: By, call_id: str = "") -> Command:
        """Raises UnknownPanel."""
        self._open(panel)
        return self._command("close", panel, "close", {}, op_id=op_id, base_rev=None, by=by, call_id=call_id)

    def _command(
        self,
        kind_of_action: Action,
        panel: PanelId,
        action: str,
        args: Mapping[str, object],
        *,
        op_id: str,
        base_rev: int | None,
        by: By,
        call_id: str,
    ) -> Command:
        self._busy.add(panel)
        known = self._panels.get(panel)
        commanded = events.PanelCommanded(
            panel=panel,
            instance=wire.DEFAULT_INSTANCE,
            op_id=op_id,
            action=action,
            base_rev=base_rev if base_rev is not None else (known.rev if known else 0),
            by=by,
            call_id=call_id,
        )
        request = wire.PanelRequest(
            op_id=op_id,
            panel=panel,
            instance=wire.DEFAULT_INSTANCE,
            action=action,
            args=dict(args),
            base_rev=base_rev,
        )
        return Command(
            method=_METHODS[kind_of_action],
            request=request,
            action=kind_of_action,
            by=by,
            facts=(Fact(commanded, events.PanelArguments(args=_raw(dict(args)))),),
        )

    def answer(self, command: Command, answer: wire.PanelAnswer) -> tuple[Settled, Received]:
        """The browser's answer to a command: how it ended, and the events that had waited for it."""
        panel = PanelId(command.request.panel)
        self._busy.discard(panel)
        if not answer.ok:
            error = answer.error.refusal() if answer.error else PanelRefused("refused without a reason")
            settled = self._failed(command, error, rev=answer.rev, state=answer.state)
        else:
            settled = self._succeeded(command, answer)
        self._remember(command.request.op_id, settled)
        return settled, self._release()

    def unanswered(self, command: Command, error: PanelRefused) -> tuple[Settled, Received]:
        """No answer came: whether the browser acted is not known, so the panel must be read again."""
        panel = PanelId(command.request.panel)
        self._busy.discard(panel)
        known = self._panels.get(panel)
        settled = self._failed(command, error, rev=known.rev if known else 0, state=None)
        return settled, self._release()

    def _succeeded(self, command: Command, answer: wire.PanelAnswer) -> Settled:
        panel, request = PanelId(command.request.panel), command.request
        kind = self.kind(panel)
        if command.action == "open":
            return self._opened(kind.version, panel, command, answer)
        known = self._panels[panel]
        if command.action == "close":
            self._panels[panel] = msgspec.structs.replace(known, open=False, rev=max(known.rev, answer.rev))
            closed = events.PanelClosed(
                panel=panel, instance=request.instance, rev=answer.rev, by=command.by, op_id=request.op_id
            )
            return Settled(ok=True, rev=answer.rev, facts=(Fact(closed),))
        if answer.rev <= known.rev:
            # A repeated command: its effect is in the state already.
            return Settled(ok=True, rev=known.rev)
        patch = command_patch(kind, known.state or {}, request.action, request.args)
        after = patched(known.state or {}, patch)
        self._panels[panel] = msgspec.structs.replace(known, rev=answer.rev, state=after)
        self._seen[panel] = answer.rev
        changed = events.PanelChanged(
            panel=panel,
            instance=request.instance,
            rev=answer.rev,
            event=request.action,
            origin=command.by,
            op_id=request.op_id,
        )
        return Settled(ok=True, rev=answer.rev, facts=(Fact(changed, events.PanelPatch(patch=_raw(patch))),))

    def _opened(self, kind_version: int, panel: PanelId, command: Command, answer: wire.PanelAnswer) -> Settled:
        state = self._rules.opened(panel, command.request.args)
        if answer.state is not None and self._rules.allows(panel, answer.state):
            state = dict(answer.state)
        seal = self._panels[panel].seal if panel in self._panels else ""
        self._panels[panel] = Panel(
            panel=panel, instance=command.request.instance, rev=answer.rev, open=True, seal=seal, state=state
        )
        self._seen[panel] = answer.rev
        opened = events.PanelOpened(
            panel=panel,
            instance=command.request.instance,
            kind_version=kind_version,
            rev=answer.rev,
            op_id=command.request.op_id,
            by=command.by,
        )
        fact = Fact(opened, events.PanelContent(state=_raw(state)))
        return Settled(ok=True, rev=answer.rev, facts=(fact,), state=state)

    def _failed(self, command: Command, error: PanelRefused, *, rev: int, state: State | None) -> Settled:
        request = command.request
        panel = PanelId(request.panel)
        if state is not None:
            self._seen[panel] = rev
        failed = events.PanelCommandFailed(
            panel=panel, instance=request.instance, op_id=request.op_id, action=request.action, code=error.code.name
        )
        return Settled(ok=False, rev=rev, facts=(Fact(failed),), state=state, error=error)

    def _remember(self, op_id: str, settled: Settled) -> None:
        self._done[op_id] = settled
        while len(self._done) > REMEMBERED_OPS:
            del self._done[next(iter(self._done))]

    # Agreement after a reconnect, and at the end

    def reread(self, panel: PanelId, answer: wire.PanelAnswer) -> tuple[Fact, ...]:
        """The browser's own content of a panel, which settles what was uncertain."""
        known = self._panels.get(panel)
        if known is None or not answer.ok or answer.state is None or answer.rev < known.rev:
            return ()
        if not self._rules.allows(panel, answer.state):
            return ()
        if answer.rev == known.rev and answer.state == known.state:
            return ()
        self._panels[panel] = msgspec.structs.replace(known, rev=answer.rev, state=dict(answer.state))
        return (self._snapshot(self._panels[panel]),)

    def sync(self, held: wire.PanelSync) -> wire.PanelSyncAnswer:
        """What the browser lacks, and where it goes on counting."""
        theirs = {(stamp.panel, stamp.instance): stamp for stamp in held.panels}
        lacking = []
        for panel in self._panels.values():
            stamp = theirs.pop((panel.panel, panel.instance), None) if panel.open else None
            if panel.open and (stamp is None or self._is_older(stamp, panel)):
                lacking.append(
                    wire.PanelSnapshot(panel=panel.panel, instance=panel.instance, rev=panel.rev, state=panel.state)
                )
        return wire.PanelSyncAnswer(seq=self._seq, panels=tuple(lacking), closed=tuple(theirs.values()))

    def snapshots(self) -> tuple[Fact, ...]:
        """The whole content of every open panel."""
        return tuple(self._snapshot(panel) for panel in self._panels.values() if panel.open)

    @staticmethod
    def _is_older(stamp: wire.PanelStamp, panel: Panel) -> bool:
        return stamp.rev < panel.rev or (stamp.rev == panel.rev and stamp.hash != panel_hash(panel.state or {}))

    @staticmethod
    def _snapshot(panel: Panel) -> Fact:
        snapshot = events.PanelSnapshotted(panel=panel.panel, instance=panel.instance, rev=panel.rev)
        return Fact(snapshot, events.PanelContent(state=_raw(panel.state or {})))

    def _open(self, panel: PanelId) -> Panel:
        self.kind(panel)
        known = self._panels.get(panel)
        if known is None or not known.open:
            raise UnknownPanel(f"{panel} is not open: open it first")
        return known


_METHODS: dict[Action, str] = {"open": wire.RPC_OPEN, "control": wire.RPC_CONTROL, "close": wire.RPC_CLOSE}


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
