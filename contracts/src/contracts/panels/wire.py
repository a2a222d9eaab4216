"""The messages about panels between the agent and the browser, over the LiveKit room, and their bounds.

Shapes only: who may send what, what is idempotent and what is resent are rules of the two ends. JSON, UTF-8; unknown
fields are ignored, so that either end may be newer.

Agent to browser, RPC: `PanelRequest` -> `PanelAnswer`. Browser to agent: `PanelEvent` as reliable data, or as a text
stream on the same topic above MAX_EVENT_INLINE_BYTES; `PanelSync` -> `PanelSyncAnswer`, RPC, whenever the browser meets
an agent again. Agent to browser: `PanelAck`. Both ways, lossy: `Heartbeat`.

`rev` counts what was accepted: 1 when the panel opens, and one more with each command and event, even when its patch
is empty. `seq` counts the browser's events in the session, over all its panels, from 1.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec

from .kind import KindName, Name
from .refusals import PanelErrorCode as PanelErrorCode
from .refusals import PanelRefused, refusal

WIRE_VERSION: Final = 1

RPC_OPEN = "baton.panel.open"
RPC_CONTROL = "baton.panel.control"
RPC_READ = "baton.panel.read"
RPC_CLOSE = "baton.panel.close"
#: Called by the browser; the other four by the agent.
RPC_SYNC = "baton.panel.sync"

TOPIC_EVENT = "baton.panel.event"
TOPIC_ACK = "baton.panel.ack"
#: Text streams with what a reference stands for; the stream attribute `ref` names it.
TOPIC_BODY = "baton.panel.body"
TOPIC_HEARTBEAT = "baton.heartbeat"
BODY_REF_ATTRIBUTE = "ref"

#: Of a whole RPC request or answer. RPC version 1 refuses more than 15,360.
MAX_RPC_BYTES = 15_000
MAX_EVENT_INLINE_BYTES = 12_000
#: Of one text stream: an event or a body. The most that `code` can take, escaped, is 200,000 x 6 bytes.
MAX_BODY_BYTES = 2 * 1024 * 1024
#: Of one panel's state in its RFC 8785 form.
MAX_STATE_BYTES = 2 * 1024 * 1024
#: Answers that the browser remembers by `op_id`, so that a repeated request acts once.
REMEMBERED_OPS = 512
#: Events that the browser keeps until they are acknowledged.
MAX_UNACKED_EVENTS = 4096
HEARTBEAT_EVERY_S = 2.0
STALLED_AFTER_S = 3.0

#: The instance that tools speak of: they name a kind, and a kind is open once.
DEFAULT_INSTANCE = "p1"

_ID = "^[A-Za-z0-9_-]{1,64}$(?!\n)"
Identifier = Annotated[str, msgspec.Meta(pattern=_ID)]
Revision = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$(?!\n)")]


class Origin(StrEnum):
    """Whose doing an event was."""

    USER = "user"
    AGENT = "agent"


class PanelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent asks of the browser. `panel`: the kind's id. `action`: a command; in the other three methods their
    own last word (`open`, `read`, `close`). `base_rev`: what the asker last saw; a panel that has moved on answers
    STALE_REV; None asks for no such check. `args_ref`: the args come as a text stream on TOPIC_BODY, `args` is empty.
    """

    op_id: Identifier
    panel: KindName
    instance: Identifier
    action: Name
    args: dict[str, object] = {}
    args_ref: Identifier | None = None
    base_rev: Revision | None = None
    v: Literal[1] = WIRE_VERSION


class PanelError(msgspec.Struct, frozen=True, kw_only=True):
    """`code`: a PanelErrorCode, or one of a later version. `message`: names and paths, never what was typed."""

    code: int
    message: str

    @classmethod
    def of(cls, refused: PanelRefused) -> "PanelError":
        return cls(code=refused.code, message=refused.message[:256])

    def refusal(self) -> PanelRefused:
        """The refusal to raise at the asker's end."""
        return refusal(self.code, self.message)


class PanelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`rev`: of the panel now, 0 if it is not open. `state` answers open and read, and comes with STALE_REV; where it
    would not fit, `state_ref` names the text stream on TOPIC_BODY that carries it.
    """

    ok: bool
    rev: Revision
    state: dict[str, object] | None = None
    state_ref: Identifier | None = None
    error: PanelError | None = None
    v: Literal[1] = WIRE_VERSION


class PanelEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened in a panel. `rev`: the panel's, after it. `ts`: the browser's clock, Unix milliseconds;
    shown, never used for order.
    """

    seq: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    rev: Revision
    panel: KindName
    instance: Identifier
    event: Name
    origin: Origin
    ts: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    data: dict[str, object] = {}
    v: Literal[1] = WIRE_VERSION


class PanelAck(msgspec.Struct, frozen=True, kw_only=True):
    """Every event up to `seq` is in the log (its PubAck came); the browser may forget them."""

    seq: Sequence
    v: Literal[1] = WIRE_VERSION


class PanelStamp(msgspec.Struct, frozen=True, kw_only=True):
    """What one end holds of a panel: the revision, and `panel_hash` of the state."""

    panel: KindName
    instance: Identifier
    rev: Revision
    hash: Sha256


class PanelSync(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser holds. `seq`: the last it gave out; `acked`: the last acknowledged to it. It resends what lies
    between.
    """

    panels: tuple[PanelStamp, ...]
    seq: Sequence
    acked: Sequence
    v: Literal[1] = WIRE_VERSION


class PanelSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A panel as the agent holds it: `state`, or the stream on TOPIC_BODY that carries it."""

    panel: KindName
    instance: Identifier
    rev: Revision
    state: dict[str, object] | None = None
    state_ref: Identifier | None = None


class PanelSyncAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`seq`: the last of the browser's events in the log, where it goes on. `panels`: those that the browser lacks or
    holds at an older revision. `closed`: those that it shows and that are no longer open.
    """

    seq: Sequence
    panels: tuple[PanelSnapshot, ...] = ()
    closed: tuple[PanelStamp, ...] = ()
    v: Literal[1] = WIRE_VERSION


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """`n` counts up from 1 at each end; `ts` in Unix milliseconds."""

    n: Sequence
    ts: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    v: Literal[1] = WIRE_VERSION
