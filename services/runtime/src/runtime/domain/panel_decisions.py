"""What the panel board decides, as values: facts to record, requests to send, how a command ended."""

from typing import Any, Literal

import msgspec

from contracts.ids import PanelId
from contracts.panels import wire
from contracts.panels.refusals import PanelRefused
from contracts.registry import EventData, Personal

Action = Literal["open", "control", "close"]
By = Literal["user", "agent", "api"]
RejectedWhy = Literal["bad_schema", "unknown_panel", "unknown_event", "not_open", "stale_rev", "too_large"]


class Fact(msgspec.Struct, frozen=True):
    """Something to record."""

    data: EventData
    personal: Personal | None = None


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may go out: `method` and `request` for the wire, `facts` to record before it does."""

    method: str
    request: wire.PanelRequest
    action: Action
    by: By
    facts: tuple[Fact, ...]


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended. `state` is the panel's where the asker should see it."""

    ok: bool
    rev: int
    facts: tuple[Fact, ...] = ()
    state: dict[str, Any] | None = None
    error: PanelRefused | None = None


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What events brought. `resync`: panels whose content is uncertain and should be read again from the browser."""

    facts: tuple[Fact, ...] = ()
    resync: tuple[PanelId, ...] = ()


class BadEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A message on the event topic that is no PanelEvent; `seq` where even that could be read, else 0."""

    seq: int
    panel: str = ""
    why: RejectedWhy = "bad_schema"


class Rejected(Exception):
    """An event that may not change anything."""

    def __init__(self, why: RejectedWhy) -> None:
        super().__init__(why)
        self.why = why
