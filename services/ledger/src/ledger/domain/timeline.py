"""What of a session's events a person reading its history wants to see, and how. Pure.

Panel contents stay out: revisions are shown here, contents are the panel-bridge's.
"""

from typing import Any, Literal, cast

import msgspec

from contracts.envelope import Envelope
from contracts.events import context, handoff, panel, session, tool, turn
from contracts.registry import EventData
from contracts.sealed import Sealed, sealed_part
from contracts.subjects import Writer

Kind = Literal["user", "agent", "handoff", "tool", "panel", "session", "context"]
Outcome = tool.ToolCompleted | tool.ToolFailed | tool.ToolSkippedOnResume


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of history. `ref` is LiveKit's item or call id, or a panel's name; `details` the event's open part.

    `late`: from a spill that came back after the session had moved on: heard, not remembered. `result` is a tool's.
    """

    kind: Kind
    type: str
    event: str
    time: str
    writer: str
    epoch: int = 0
    ref: str = ""
    agent: str = ""
    turn: str = ""
    late: bool = False
    details: dict[str, Any]
    personal: Sealed | None = None
    result: Sealed | None = None


def item_of(envelope: Envelope, data: EventData) -> Item | None:
    """The line that an event begins; None where it begins none."""
    late = envelope.writer == Writer.LATE
    match data:
        case turn.UserSaid():
            return _item("user", envelope, data, ref=data.item_id, agent=data.agent, turn=data.turn)
        case turn.AgentSaid():
            return _item("agent", envelope, data, ref=data.item_id, agent=data.agent, turn=data.turn)
        case _ if late:
            return None
        case handoff.HandoffCompleted() | handoff.HandoffRefused():
            return _item("handoff", envelope, data, ref=data.call_id, agent=data.from_agent)
        case tool.ToolCalled():
            item = _item("tool", envelope, data, ref=data.call_id, agent=data.agent, turn=data.turn)
            return msgspec.structs.replace(item, details={**item.details, "outcome": "open"})
        case context.ContextChanged():
            return _item("context", envelope, data, ref=f"{data.area}.{data.key}")
        case session.StateDigest() | session.TokenIssued():
            return None
        case _:
            return _of_family(envelope, data)


def settles(envelope: Envelope, data: EventData) -> Outcome | None:
    """`data` as the end of a tool call that an earlier line began; None for everything else."""
    if envelope.writer == Writer.LATE:
        return None
    return data if isinstance(data, Outcome) else None


def settled(item: Item, envelope: Envelope, outcome: Outcome) -> Item:
    """The line of a tool call, once its outcome is known."""
    details = {**item.details, **_plain(outcome), "outcome": envelope.type.removeprefix("tool.")}
    return msgspec.structs.replace(item, details=details, result=sealed_part(envelope))


def _of_family(envelope: Envelope, data: EventData) -> Item | None:
    family = envelope.type.split(".")[0]
    if family == "session":
        return _item("session", envelope, data, agent=getattr(data, "agent", ""))
    if isinstance(data, panel.PanelEvent):
        item = _item("panel", envelope, data, ref=data.panel)
        return msgspec.structs.replace(item, personal=None)
    return None


def _item(kind: Kind, envelope: Envelope, data: EventData, *, ref: str = "", agent: str = "", turn: str = "") -> Item:
    return Item(
        kind=kind,
        type=envelope.type,
        event=envelope.id,
        time=envelope.time,
        writer=envelope.writer,
        epoch=envelope.epoch,
        ref=ref,
        agent=agent,
        turn=turn,
        late=envelope.writer == Writer.LATE,
        details=_plain(data),
        personal=sealed_part(envelope),
    )


def _plain(data: EventData) -> dict[str, Any]:
    return cast(dict[str, Any], msgspec.to_builtins(data))
