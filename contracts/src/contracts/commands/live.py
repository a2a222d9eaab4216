"""Commands to the job that serves a session, and its answers. No job answers: NATS says no responders."""

import msgspec

from contracts.ids import CustomerId, PanelId


class Say(msgspec.Struct, frozen=True, kw_only=True, tag="say"):
    """Have the current agent say `text`."""

    text: str


class End(msgspec.Struct, frozen=True, kw_only=True, tag="end"):
    """End the session politely."""

    reason: str = "operator_ended"


class CommandPanel(msgspec.Struct, frozen=True, kw_only=True, tag="command_panel"):
    """Open, control or close a panel; `op_id` makes it safe to send twice."""

    op_id: str
    panel: PanelId
    action: str
    args: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))
    base_rev: int | None = None


LiveCommand = Say | End | CommandPanel


class LiveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A command, with who is allowed to give it: the job refuses another customer's."""

    customer: CustomerId
    actor: str
    traceparent: str = ""
    command: LiveCommand


class LiveDone(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """`rev` is the panel's revision after a panel command."""

    rev: int | None = None


class LiveRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """A rule said no; `code` is stable."""

    code: str
    message: str


LiveAnswer = LiveDone | LiveRefused
