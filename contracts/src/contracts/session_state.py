"""What a session's events mean: one pure fold.

The runtime resumes with it, the ledger travels in time with it, the gateway answers status with it. It reads
commands → state → `evolve`. The part that the job writes (`RunState`) has a digest, so that any reader can prove that
its fold is the live state. Opened personal content is carried along where the caller could open it and is never part
of the digest: there its seals stand in its place, so that the digest still verifies after an erasure.

State has no floats and no integers above 2^53.
"""

import hashlib
from typing import Any, Literal, assert_never, cast

import msgspec
import rfc8785

from contracts.envelope import Envelope
from contracts.events import context, handoff, panel, session, tool, turn, usage
from contracts.ids import AgentId, EventId, PanelId
from contracts.panels.interpreter import patched
from contracts.registry import EventData, Personal, decode_data

FOLD_VERSION = 1
"""Raised when the same events fold to another state; digests name the version that made them."""

SessionEvent = (
    session.AdmissionEvent
    | session.LifecycleEvent
    | context.ContextEvent
    | turn.TurnEvent
    | handoff.HandoffEvent
    | tool.ToolEvent
    | panel.PanelEvent
    | usage.UsageEvent
)


class Fact(msgspec.Struct, frozen=True):
    """One event as the fold takes it; `personal` is None where there is none, or it stays sealed or was erased."""

    envelope: Envelope
    data: EventData
    personal: Personal | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the conversation: words, a handoff or a tool call, under LiveKit's original id.

    `seal` is the SHA-256 (hex) of the sealed blob, empty where nothing was personal. `text` is what was said, a tool's
    arguments, or a handoff's summary; `result` a tool's result, or its error, or a handoff's arguments.
    """

    kind: Literal["user", "agent", "handoff", "tool"]
    id: str
    event: EventId
    agent: AgentId
    time: str
    name: str = ""
    seal: str = ""
    result_seal: str = ""
    interrupted: bool = False
    outcome: Literal["", "open", "completed", "failed", "skipped"] = ""
    text: str | None = None
    result: str | None = None


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel instance. `seal` chains the seals of every change: H(before ‖ sealed blob).

    `state` is its content, None where it could not be opened.
    """

    panel: PanelId
    instance: str
    rev: int
    open: bool
    seal: str
    state: dict[str, Any] | None = None


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """What the `run` events fold to."""

    phase: Literal["unclaimed", "claimed", "live", "ended"] = "unclaimed"
    epoch: int = 0
    job_id: str = ""
    agent: AgentId = AgentId("")
    items: tuple[Item, ...] = ()
    panels: dict[PanelId, Panel] = {}
    context: dict[str, str] = {}
    context_values: dict[str, Any] = {}
    user_turns: int = 0
    handoffs: int = 0
    usage: dict[str, int] = {}
    away: bool = False
    panel_seq: int = 0
    end: str = ""
    last_n: int = 0


class AdmissionState(msgspec.Struct, frozen=True, kw_only=True):
    """What the `admission` events fold to. `epoch` is the last one allocated."""

    requested: session.SessionRequested | None = None
    user: session.UserPersonal | None = None
    refused: str = ""
    epoch: int = 0
    lost_epoch: int = 0
    tokens: int = 0
    room_sid: str = ""
    present: dict[str, str] = {}
    user_joined: bool = False
    room_finished: bool = False
    closed: str = ""
    last_n: int = 0


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """A session, at any event."""

    admission: AdmissionState = AdmissionState()
    run: RunState = RunState()

    @property
    def status(self) -> Literal["unknown", "refused", "waiting", "live", "ended", "closed"]:
        """In one word, for people and for the API."""
        if self.admission.closed:
            return "closed"
        if self.run.phase == "ended":
            return "ended"
        if self.admission.refused:
            return "refused"
        if self.run.phase == "live":
            return "live"
        return "waiting" if self.admission.requested else "unknown"


def fact(envelope: Envelope, personal: Personal | None = None) -> Fact:
    """Decode the open part; raises UnknownEvent or msgspec.ValidationError."""
    return Fact(envelope, decode_data(envelope), personal)


def evolve(state: SessionState, fact: Fact) -> SessionState:
    """State after one more event. Events of the writer `late` were never part of the session and change nothing."""
    n = fact.envelope.n
    match fact.envelope.writer:
        case "run":
            run = _evolve_run(state.run, fact)
            return msgspec.structs.replace(state, run=msgspec.structs.replace(run, last_n=n))
        case "admission":
            admission = _evolve_admission(state.admission, fact)
            return msgspec.structs.replace(state, admission=msgspec.structs.replace(admission, last_n=n))
        case _:
            return state


def digest(run: RunState) -> str:
    """SHA-256 (hex) over RFC 8785 of the run state without its opened content; in `session.state_digest`."""
    return hashlib.sha256(rfc8785.dumps(_digestible(run))).hexdigest()


def _digestible(run: RunState) -> dict[str, Any]:
    plain = cast(dict[str, Any], msgspec.to_builtins(run))
    del plain["context_values"]
    for item in plain["items"]:
        del item["text"], item["result"]
    for opened in plain["panels"].values():
        del opened["state"]
    return {"fold_version": FOLD_VERSION, **plain}


def _evolve_admission(state: AdmissionState, fact: Fact) -> AdmissionState:
    replace = msgspec.structs.replace
    event = cast(session.AdmissionEvent, fact.data)
    match event:
        case session.SessionRequested():
            user = fact.personal if isinstance(fact.personal, session.UserPersonal) else None
            return replace(state, requested=event, user=user)
        case session.SessionRefused():
            return replace(state, refused=event.reason)
        case session.SessionDispatched():
            return replace(state, epoch=event.epoch)
        case session.TokenIssued():
            return replace(state, tokens=state.tokens + 1)
        case session.RoomStarted():
            return replace(state, room_sid=event.room_sid)
        case session.ParticipantJoined():
            present = {**state.present, event.identity: event.kind}
            return replace(state, present=present, user_joined=state.user_joined or event.kind == "user")
        case session.ParticipantLeft():
            present = {who: kind for who, kind in state.present.items() if who != event.identity}
            return replace(state, present=present)
        case session.JobLost():
            return replace(state, lost_epoch=event.epoch)
        case session.RoomFinished():
            return replace(state, room_finished=True, present={})
        case session.SessionClosed():
            return replace(state, closed=event.reason)
        case _:
            assert_never(event)


def _evolve_run(state: RunState, fact: Fact) -> RunState:
    event = cast(SessionEvent, fact.data)
    match event:
        case turn.UserSaid() | turn.AgentSaid():
            return _spoken(state, fact, event)
        case handoff.HandoffRequested() | handoff.HandoffCompleted() | handoff.HandoffRefused():
            return _handed(state, fact, event)
        case tool.ToolCalled() | tool.ToolCompleted() | tool.ToolFailed() | tool.ToolSkippedOnResume():
            return _tooled(state, fact, event)
        case (
            panel.PanelOpened()
            | panel.PanelCommanded()
            | panel.PanelChanged()
            | panel.PanelSnapshotted()
            | panel.PanelClosed()
            | panel.PanelCommandFailed()
            | panel.PanelRejected()
        ):
            return _paneled(state, fact, event)
        case context.ContextChanged():
            return _context_changed(state, fact, event)
        case usage.LlmUsed() | usage.SttUsed() | usage.TtsUsed() | usage.ToolCallUsed():
            return _used(state, fact, event)
        case _:
            return _lived(state, cast(session.LifecycleEvent, event))


def _lived(state: RunState, event: session.LifecycleEvent) -> RunState:
    replace = msgspec.structs.replace
    match event:
        case session.JobClaimed():
            phase = state.phase if state.phase != "unclaimed" else "claimed"
            return replace(state, phase=phase, epoch=event.epoch, job_id=event.job_id)
        case session.SessionStarted() | session.SessionResumed():
            return replace(state, phase="live", agent=event.agent)
        case session.UserAway():
            return replace(state, away=True)
        case session.UserReturned():
            return replace(state, away=False)
        case session.SessionEnded():
            return replace(state, phase="ended", end=event.reason)
        case session.SessionFailed():
            return replace(state, phase="ended", end=f"failed:{event.code}")
        case session.LimitReached() | session.StateDigest():
            return state
        case _:
            assert_never(event)


def _spoken(state: RunState, fact: Fact, event: turn.TurnEvent) -> RunState:
    by_user = isinstance(event, turn.UserSaid)
    item = Item(
        kind="user" if by_user else "agent",
        id=event.item_id,
        event=fact.envelope.id,
        agent=event.agent,
        time=fact.envelope.time,
        seal=_seal(fact),
        interrupted=isinstance(event, turn.AgentSaid) and event.interrupted,
        text=fact.personal.text if isinstance(fact.personal, turn.Words) else None,
    )
    turns = state.user_turns + by_user
    return msgspec.structs.replace(state, items=(*state.items, item), user_turns=turns)


def _handed(state: RunState, fact: Fact, event: handoff.HandoffEvent) -> RunState:
    if not isinstance(event, handoff.HandoffCompleted):
        return state
    told = fact.personal if isinstance(fact.personal, handoff.HandoffSummary) else None
    item = Item(
        kind="handoff",
        id=event.item_id or event.call_id,
        event=fact.envelope.id,
        agent=event.from_agent,
        name=event.to_agent,
        time=fact.envelope.time,
        seal=_seal(fact),
        text=told.summary if told else None,
        result=(told.arguments or None) if told else None,
    )
    items = (*state.items, item)
    return msgspec.structs.replace(state, items=items, agent=event.to_agent, handoffs=state.handoffs + 1)


def _tooled(state: RunState, fact: Fact, event: tool.ToolEvent) -> RunState:
    if isinstance(event, tool.ToolCalled):
        item = Item(
            kind="tool",
            id=event.call_id,
            event=fact.envelope.id,
            agent=event.agent,
            name=event.name,
            time=fact.envelope.time,
            seal=_seal(fact),
            outcome="open",
            text=fact.personal.arguments if isinstance(fact.personal, tool.ToolArguments) else None,
        )
        return msgspec.structs.replace(state, items=(*state.items, item))
    changes: dict[str, Any] = {"result_seal": _seal(fact), "outcome": _outcome(event)}
    if isinstance(fact.personal, tool.ToolResult):
        changes["result"] = fact.personal.result
    elif isinstance(fact.personal, tool.ToolMessage):
        changes["result"] = fact.personal.message
    items = tuple(
        msgspec.structs.replace(item, **changes) if item.kind == "tool" and item.id == event.call_id else item
        for item in state.items
    )
    return msgspec.structs.replace(state, items=items)


def _outcome(event: tool.ToolCompleted | tool.ToolFailed | tool.ToolSkippedOnResume) -> str:
    match event:
        case tool.ToolCompleted():
            return "completed"
        case tool.ToolFailed():
            return "failed"
        case tool.ToolSkippedOnResume():
            return "skipped"
        case _:
            assert_never(event)


def _paneled(state: RunState, fact: Fact, event: panel.PanelEvent) -> RunState:
    match event:
        case panel.PanelOpened() | panel.PanelSnapshotted():
            return _with_panel(state, _filled(state, fact, event))
        case panel.PanelChanged():
            before = state.panels.get(event.panel)
            if before is None:
                return state
            after = msgspec.structs.replace(
                before, rev=event.rev, seal=_chain(before.seal, fact), state=_patched(before.state, fact.personal)
            )
            return _with_panel(state, after, seq=event.seq)
        case panel.PanelClosed():
            before = state.panels.get(event.panel)
            if before is None:
                return state
            return _with_panel(state, msgspec.structs.replace(before, open=False, rev=event.rev), seq=event.seq)
        case panel.PanelRejected():
            return msgspec.structs.replace(state, panel_seq=max(state.panel_seq, event.seq))
        case panel.PanelCommanded() | panel.PanelCommandFailed():
            return state
        case _:
            assert_never(event)


def _filled(state: RunState, fact: Fact, event: panel.PanelOpened | panel.PanelSnapshotted) -> Panel:
    before = state.panels.get(event.panel)
    content = fact.personal.state if isinstance(fact.personal, panel.PanelContent) else None
    return Panel(
        panel=event.panel,
        instance=event.instance,
        rev=event.rev,
        open=isinstance(event, panel.PanelOpened) or (before is not None and before.open),
        seal=_chain(before.seal if before else "", fact),
        state=msgspec.json.decode(content) if content is not None else None,
    )


def _with_panel(state: RunState, changed: Panel, *, seq: int = 0) -> RunState:
    panels = {**state.panels, changed.panel: changed}
    return msgspec.structs.replace(state, panels=panels, panel_seq=max(state.panel_seq, seq))


def _patched(content: dict[str, Any] | None, personal: Personal | None) -> dict[str, Any] | None:
    if content is None or not isinstance(personal, panel.PanelPatch):
        return None
    return patched(content, msgspec.json.decode(personal.patch))


def _context_changed(state: RunState, fact: Fact, event: context.ContextChanged) -> RunState:
    name = f"{event.area}.{event.key}"
    values = dict(state.context_values)
    if isinstance(fact.personal, context.ContextPersonal):
        values[name] = msgspec.json.decode(fact.personal.after)
    seals = {**state.context, name: _seal(fact)}
    return msgspec.structs.replace(state, context=seals, context_values=values)


def _used(state: RunState, fact: Fact, event: usage.UsageEvent) -> RunState:
    family = fact.envelope.type.removeprefix("usage.")
    totals = dict(state.usage)
    for unit, quantity in event.quantities.items():
        totals[f"{family}.{unit}"] = totals.get(f"{family}.{unit}", 0) + quantity
    return msgspec.structs.replace(state, usage=totals)


def _seal(fact: Fact) -> str:
    return hashlib.sha256(fact.envelope.personal).hexdigest() if fact.envelope.personal else ""


def _chain(before: str, fact: Fact) -> str:
    return hashlib.sha256(bytes.fromhex(before) + fact.envelope.personal).hexdigest()
